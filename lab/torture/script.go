//go:build !windows

package torture

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab/site"
)

// Shape is how much happens in a run.
type Shape struct {
	// Asks are the requests, Edits those of the second writer, Kills how often a daemon dies, Faults how often the network or
	// the tenant does not do its work, Late how many modifies arrive late and are never answered, Pauses how often somebody turns
	// the stop switch.
	Asks, Edits, Kills, Faults, Late, Pauses int
	// Span is how long requests and edits arrive.
	Span time.Duration
	// Nodes are the daemons that share one database.
	Nodes int
}

// DefaultShape is a run of about ten seconds, most of which is waiting.
func DefaultShape() Shape {
	return Shape{Asks: 36, Edits: 24, Kills: 4, Faults: 4, Late: 2, Pauses: 1, Span: 4 * time.Second, Nodes: 1}
}

// verb is what somebody asks of the daemon.
type verb string

const (
	add     verb = "add"
	remove  verb = "remove"
	primary verb = "primary"
	undo    verb = "undo"
	cancel  verb = "cancel"
	recheck verb = "recheck"
	// repeat asks for the same again in the same words, without a key.
	repeat verb = "repeat"
)

// naming is by what a holder is called.
type naming string

const (
	byUPN     naming = "upn"
	byAccount naming = "account"
	byMail    naming = "mail"
	byGUID    naming = "guid"
	byName    naming = "name"
	byNothing naming = "nothing" // a name that nobody has
)

// ask is one call of somebody who keeps at it until there is an answer.
type ask struct {
	at      time.Duration
	verb    verb
	holder  int
	naming  naming
	address address.Address
	// of is the ask that an undo, a cancel or a recheck is about.
	of int
	// keyed asks come with an idempotency key; twice sends the same thing two times at once.
	keyed, twice bool
}

// life is how one life of a daemon ends: at a passage, or after a while.
type life struct {
	node    int
	at      Passage
	after   time.Duration
	atStart bool // after counts from the start of the process, not from its first answer
}

// occasion is when the second writer edits: at a time of his own, or at the worst moment for aliasd.
type occasion string

const (
	anyTime        occasion = ""
	beforeModify   occasion = "before the modify"    // aliasd has read the holder and sends what it has planned
	beforeReadBack occasion = "before the read-back" // aliasd has written
)

// edit is one thing that the second writer does. At the worst moment it is done to the holder that aliasd writes.
type edit struct {
	at     time.Duration
	kind   editKind
	holder int
	token  string
	think  time.Duration
	// pick chooses among what is there then.
	pick uint64
	when occasion
	// program has it done by the ldapmodify program, where the directory is Samba.
	program bool
}

// script is all that a seed says about a run.
type script struct {
	seed    uint64
	tag     string
	objects []site.Object
	asks    []ask
	edits   []edit
	lives   []life
	hazards []hazard
	late    []lateness
	pauses  []pause
}

// newScript writes the script of a seed. turn tells the runs of one torture apart, so that together they pass every point.
func newScript(seed uint64, turn int, shape Shape) script {
	s := script{seed: seed, tag: strconv.FormatUint(seed%(36*36*36*36*36), 36)}
	s.objects = cast(s.tag)
	// Each part has a source of its own: more edits do not make other requests.
	s.asks = newAsks(rand.New(rand.NewPCG(seed, 1)), s, shape)
	s.edits = newEdits(rand.New(rand.NewPCG(seed, 2)), s, shape)
	s.lives = newLives(rand.New(rand.NewPCG(seed, 3)), turn, shape)
	s.hazards = newHazards(rand.New(rand.NewPCG(seed, 4)), shape)
	s.late = newLateness(rand.New(rand.NewPCG(seed, 5)), shape)
	s.pauses = newPauses(rand.New(rand.NewPCG(seed, 6)), shape)
	return s
}

// cast are the holders of a run: of each kind, with and without mail, with values that must survive.
func cast(tag string) []site.Object {
	at := func(local string) string { return local + "." + tag + "@contoso.test" }
	x500 := func(n string) string { return "X500:/o=Contoso/ou=Exchange/cn=Recipients/cn=" + n + tag }
	return []site.Object{
		{Kind: site.User, Name: "Full " + tag, Account: "full" + tag, UPN: at("full"), Mail: at("full"),
			Proxies: []string{"SMTP:" + at("full"), "smtp:" + at("Full.Old"), x500("full"), "sip:" + at("full")}},
		{Kind: site.User, Name: "Mail Only " + tag, Account: "mail" + tag, UPN: at("mail"), Mail: at("mail")},
		{Kind: site.User, Name: "Bare " + tag, Account: "bare" + tag, UPN: at("bare"), Mail: at("bare"), Proxies: []string{x500("bare")}},
		{Kind: site.Group, Name: "Team " + tag, Account: "team" + tag, Mail: at("team"), Proxies: []string{"SMTP:" + at("team"), x500("team")}},
		{Kind: site.User, Name: "Second " + tag, Account: "second" + tag, UPN: at("second"), Mail: at("second"),
			Proxies: []string{"SMTP:" + at("second"), "smtp:" + at("second.old"), x500("second")}},
		{Kind: site.Group, Name: "Silent " + tag, Account: "silent" + tag},
		{Kind: site.User, Name: "Third " + tag, Account: "third" + tag, UPN: at("third"), Mail: at("Third"),
			Proxies: []string{"SMTP:" + at("Third"), "sip:" + at("third")}},
		{Kind: site.Contact, Name: "Partner " + tag, Mail: at("partner"), Proxies: []string{"SMTP:" + at("partner"), "smtp:" + at("partner.old")}},
	}
}

// newAsks draws the requests. The addresses are few, so that they meet: on one holder, and now and then on two.
func newAsks(r *rand.Rand, s script, shape Shape) []ask {
	asks := make([]ask, shape.Asks)
	for i := range asks {
		a := &asks[i]
		a.at = time.Duration(r.Int64N(int64(shape.Span)))
		a.holder, a.naming = r.IntN(len(s.objects)), []naming{byUPN, byAccount, byMail, byGUID, byName}[r.IntN(5)]
		if r.IntN(20) == 0 {
			a.naming = byNothing
		}
		a.address = address.Address(fmt.Sprintf("a%d-%d.%s@contoso.test", a.holder, r.IntN(3), s.tag))
		if r.IntN(5) == 0 {
			a.address = address.Address(fmt.Sprintf("all%d.%s@contoso.test", r.IntN(2), s.tag))
		}
		a.keyed, a.twice = r.IntN(10) > 0, r.IntN(6) == 0
		a.verb = []verb{add, add, add, add, remove, remove, primary, primary, undo, undo, cancel, recheck, repeat}[r.IntN(13)]
	}
	slices.SortStableFunc(asks, func(a, b ask) int { return int(a.at - b.at) })
	for i := range asks {
		asks[i].settle(r, asks[:i])
	}
	return asks
}

// settle gives an ask about another one something to be about: an earlier request that is one of its own.
func (a *ask) settle(r *rand.Rand, earlier []ask) {
	if a.verb == add || a.verb == remove || a.verb == primary {
		return
	}
	var fit []int
	for i, e := range earlier {
		if e.verb == add || e.verb == remove || e.verb == primary {
			fit = append(fit, i)
		}
	}
	if len(fit) == 0 {
		a.verb = add
		return
	}
	a.of = fit[r.IntN(len(fit))]
	switch a.verb {
	case cancel, recheck:
		a.twice = false
	case repeat:
		said := earlier[a.of]
		said.at, said.keyed, said.twice = a.at, false, false
		*a = said
	}
}

// newLives draws where the daemons die. Two of three deaths are at a named point, taken in turn over the runs.
func newLives(r *rand.Rand, turn int, shape Shape) []life {
	points := Points()
	lives := make([]life, shape.Kills)
	for i := range lives {
		l := &lives[i]
		l.node = r.IntN(max(shape.Nodes, 1))
		l.after = time.Duration(r.Int64N(int64(700 * time.Millisecond)))
		l.atStart = r.IntN(5) == 0
		named := turn*2 + i - i/3
		if i%3 != 2 {
			l.at = Passage{Point: points[named%len(points)], N: 1 + r.Int64N(2)}
		}
	}
	r.Shuffle(len(lives), func(i, j int) { lives[i], lives[j] = lives[j], lives[i] })
	return lives
}

// newEdits draws what the second writer does.
func newEdits(r *rand.Rand, s script, shape Shape) []edit {
	edits := make([]edit, shape.Edits)
	kinds := editKinds()
	for i := range edits {
		edits[i] = edit{
			at: time.Duration(r.Int64N(int64(shape.Span))), kind: kinds[r.IntN(len(kinds))], holder: r.IntN(len(s.objects)),
			token: fmt.Sprintf("f%d.%s", i, s.tag), think: time.Duration(r.Int64N(int64(30 * time.Millisecond))),
			pick: r.Uint64(), program: r.IntN(8) == 0, when: []occasion{anyTime, anyTime, anyTime, beforeModify, beforeReadBack}[r.IntN(5)],
		}
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return int(a.at - b.at) })
	return edits
}
