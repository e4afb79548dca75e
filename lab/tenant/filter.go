package tenant

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// node is one clause of a filter. Comparisons have a property and literals; and, or and not have parts; any has a
// property, the name of its variable, and a part or none.
type node struct {
	op       string
	property string
	variable string
	values   []literal
	parts    []*node
}

// literal is a value in a filter: a string, or a bare word such as true, null, a number or a GUID.
type literal struct {
	text   string
	quoted bool
}

// maxDepth bounds how deep clauses may nest.
const maxDepth = 40

// syntaxError says where a filter stops being one.
type syntaxError struct {
	at     int
	filter string
}

func (e syntaxError) Error() string {
	return fmt.Sprintf("Syntax error at position %d in '%s'", e.at, e.filter)
}

// parseFilter reads the part of OData's filter language that Graph's directory objects speak: comparisons, in,
// startswith and endswith, any, and, or, not and parentheses.
func parseFilter(text string) (*node, error) {
	p := &filterParser{text: text}
	p.next()
	n := p.or(0)
	if p.failed || p.token.kind != tokenEnd {
		return nil, syntaxError{at: p.token.at, filter: text}
	}
	return n, nil
}

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenString
	tokenMark // one of ( ) , :
	tokenBad
)

type token struct {
	kind tokenKind
	text string
	at   int
}

type filterParser struct {
	text   string
	at     int
	token  token
	failed bool
}

// next reads one token.
func (p *filterParser) next() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
	start := p.at
	switch {
	case p.at >= len(p.text):
		p.token = token{kind: tokenEnd, at: start}
	case strings.IndexByte("(),:", p.text[p.at]) >= 0:
		p.at++
		p.token = token{kind: tokenMark, text: p.text[start:p.at], at: start}
	case p.text[p.at] == '\'':
		p.token = p.quoted(start)
	default:
		p.token = p.word(start)
	}
}

// quoted reads a string; a doubled apostrophe in it stands for one.
func (p *filterParser) quoted(start int) token {
	var value strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		if p.text[p.at] != '\'' {
			value.WriteByte(p.text[p.at])
			continue
		}
		if p.at+1 < len(p.text) && p.text[p.at+1] == '\'' {
			value.WriteByte('\'')
			p.at++
			continue
		}
		p.at++
		if !utf8.ValidString(value.String()) {
			break
		}
		return token{kind: tokenString, text: value.String(), at: start}
	}
	return token{kind: tokenBad, at: start}
}

func (p *filterParser) word(start int) token {
	for p.at < len(p.text) && isWordByte(p.text[p.at]) {
		p.at++
	}
	if p.at == start {
		return token{kind: tokenBad, at: start}
	}
	return token{kind: tokenWord, text: p.text[start:p.at], at: start}
}

func isWordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("_-./+", b) >= 0
}

func (p *filterParser) fail() *node {
	p.failed = true
	return &node{}
}

// take reads on when the token is that mark or word, and says whether it was.
func (p *filterParser) take(kind tokenKind, text string) bool {
	if p.failed || p.token.kind != kind || p.token.text != text {
		return false
	}
	p.next()
	return true
}

func (p *filterParser) or(depth int) *node { return p.chain("or", depth, p.and) }

func (p *filterParser) and(depth int) *node { return p.chain("and", depth, p.unary) }

// chain reads clauses that stand between one operator.
func (p *filterParser) chain(op string, depth int, part func(int) *node) *node {
	first := part(depth)
	parts := []*node{first}
	for p.take(tokenWord, op) {
		parts = append(parts, part(depth))
	}
	if len(parts) == 1 {
		return first
	}
	return &node{op: op, parts: parts}
}

func (p *filterParser) unary(depth int) *node {
	switch {
	case p.failed || depth > maxDepth:
		return p.fail()
	case p.take(tokenWord, "not"):
		return &node{op: "not", parts: []*node{p.unary(depth + 1)}}
	case p.take(tokenMark, "("):
		n := p.or(depth + 1)
		if !p.take(tokenMark, ")") {
			return p.fail()
		}
		return n
	}
	return p.clause(depth)
}

func (p *filterParser) clause(depth int) *node {
	if p.token.kind != tokenWord {
		return p.fail()
	}
	name := p.token.text
	p.next()
	collection, isAny := strings.CutSuffix(name, "/any")
	switch {
	case isAny && p.take(tokenMark, "("):
		return p.lambda(collection, depth)
	case strings.EqualFold(name, "startswith") && p.take(tokenMark, "("):
		return p.function("startswith")
	case strings.EqualFold(name, "endswith") && p.take(tokenMark, "("):
		return p.function("endswith")
	}
	return p.comparison(name)
}

// lambda reads what follows any(: variable, colon, clause; or nothing.
func (p *filterParser) lambda(collection string, depth int) *node {
	if p.take(tokenMark, ")") {
		return &node{op: "any", property: collection}
	}
	n := &node{op: "any", property: collection, variable: p.token.text}
	if p.token.kind != tokenWord {
		return p.fail()
	}
	p.next()
	if !p.take(tokenMark, ":") {
		return p.fail()
	}
	n.parts = []*node{p.or(depth + 1)}
	if !p.take(tokenMark, ")") {
		return p.fail()
	}
	return n
}

// function reads the arguments of startswith and endswith.
func (p *filterParser) function(op string) *node {
	n := &node{op: op, property: p.token.text}
	if p.token.kind != tokenWord {
		return p.fail()
	}
	p.next()
	if !p.take(tokenMark, ",") {
		return p.fail()
	}
	n.values = []literal{p.literal()}
	if !p.take(tokenMark, ")") {
		return p.fail()
	}
	return n
}

// comparison reads an operator and what it compares with.
func (p *filterParser) comparison(property string) *node {
	n := &node{property: property, op: p.token.text}
	switch {
	case p.take(tokenWord, "in"):
		n.values = p.list()
		return n
	case p.take(tokenWord, "eq"), p.take(tokenWord, "ne"), p.take(tokenWord, "gt"), p.take(tokenWord, "ge"),
		p.take(tokenWord, "lt"), p.take(tokenWord, "le"):
		n.values = []literal{p.literal()}
		return n
	}
	return p.fail()
}

func (p *filterParser) list() []literal {
	if !p.take(tokenMark, "(") {
		p.fail()
		return nil
	}
	values := []literal{p.literal()}
	for p.take(tokenMark, ",") {
		values = append(values, p.literal())
	}
	if !p.take(tokenMark, ")") {
		p.fail()
	}
	return values
}

func (p *filterParser) literal() literal {
	l := literal{text: p.token.text, quoted: p.token.kind == tokenString}
	if p.token.kind != tokenString && p.token.kind != tokenWord {
		p.fail()
		return l
	}
	p.next()
	return l
}
