package report

import (
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// meaning says in one sentence what findings of a group mean, for people who do not know the code.
func meaning(g auditGroup) string { return wordsOf(g)[0] }

// remedy says in one sentence what to do about findings of a group; docs/causes has the whole of it.
func remedy(g auditGroup) string { return wordsOf(g)[1] }

// wordsOf are the meaning and the remedy of a group; both empty for a code that is no finding. What is only good to know,
// and what waits for the cloud, asks nothing of anybody.
func wordsOf(g auditGroup) [2]string {
	switch g.severity {
	case cloudcheck.Notice:
		return noticeWords(g.code)
	case cloudcheck.Pending:
		return pendingWords(g.code)
	}
	return wrongWords(g.code)
}

func wrongWords(code cause.Code) [2]string {
	switch code {
	case cause.DuplicateOnPremises, cause.TwoPrimaries, cause.MailDiffers, cause.NoPrimary, cause.TooManyAddresses, cause.ChangedOnPremises, cause.ExchangePolicy:
		return onPremisesWords(code)
	case cause.SyncStopped, cause.NotInCloud, cause.CloudManaged, cause.ExportErrorSuspected, cause.Deadline:
		return syncWords(code)
	}
	return cloudWords(code)
}

// pendingWords are about what goes by itself.
func pendingWords(code cause.Code) [2]string {
	switch code {
	case cause.NotSyncedYet:
		return [2]string{"The directory was changed after the last sync.", "Nothing: the next sync brings it."}
	case cause.NotCalculatedYet:
		return [2]string{"The sync ran, the cloud has not worked it in yet.", "Nothing: minutes are normal."}
	case cause.Quarantined:
		return [2]string{"The cloud put the value into quarantine, and nobody is seen to hold it any more.", "Nothing: the cloud releases it within hours."}
	}
	return [2]string{wrongWords(code)[0], "Nothing: it goes by itself."}
}

// noticeWords are about what harms nobody.
func noticeWords(code cause.Code) [2]string {
	switch code {
	case cause.NotInCloud:
		return [2]string{"The holder is not in the tenant, and by the default rules it is not meant to be: what it is, or where it stands, is not synchronised.",
			"Nothing, unless somebody misses it there."}
	case cause.CloudManaged:
		return [2]string{"The cloud owns the holder, not the directory; both sides say the same.", "Nothing; its addresses are changed in the cloud from now on."}
	case cause.ValueDiscarded:
		return [2]string{"The cloud drops the value, and nothing is missing without it.", "Nothing; the value may stay."}
	case cause.DuplicateOnPremises:
		return [2]string{"Two objects on-premises have the same address, and not both are synchronised, so neither stands in the other's way.",
			"Nothing for now; decide whose address it is before both are synchronised."}
	case cause.NoPrimary:
		return [2]string{"The holder has aliases, and nothing says which address is its primary; what the cloud makes of that is not documented.",
			"Nothing, unless people are to write from it; then say which one it is: aliasd primary HOLDER ADDRESS."}
	case cause.TooManyAddresses:
		return [2]string{"The holder has more values than an object can be sure to carry to the cloud.", "Nothing as long as it arrives; its export may fail one day (LargeObject)."}
	case cause.CalculatedOtherwise:
		return [2]string{"The cloud does not show an address that by its documented rules it makes by itself.", "Nothing, unless somebody misses it."}
	}
	return [2]string{wrongWords(code)[0], "Nothing has to be done."}
}

// onPremisesWords are about what stands in the directory.
func onPremisesWords(code cause.Code) [2]string {
	switch code {
	case cause.DuplicateOnPremises:
		return [2]string{"Two objects on-premises have the same address; the cloud gives it to one of them only.",
			"Decide whose address it is, and remove it from the other object."}
	case cause.TwoPrimaries:
		return [2]string{"The holder has more than one primary; which of them the cloud takes is not documented.",
			"Say which one it is: aliasd primary HOLDER ADDRESS. The others stay as aliases."}
	case cause.MailDiffers:
		return [2]string{"Mail on-premises is not the primary's address; in the cloud the primary wins, and mail follows it.",
			"Say which address is the primary: aliasd primary HOLDER ADDRESS writes mail with it."}
	case cause.NoPrimary:
		return [2]string{"The holder has addresses, but none of them is the primary.",
			"Give it one: aliasd primary HOLDER ADDRESS."}
	case cause.TooManyAddresses:
		return [2]string{"The holder has more values than an object can be sure to carry to the cloud.",
			"Remove what nobody writes to any more: aliasd remove HOLDER ADDRESS."}
	case cause.ChangedOnPremises:
		return [2]string{"Somebody changed the value in the directory after aliasd had written it.",
			"Find the other writer, or make the change there; then ask again."}
	}
	return [2]string{"An e-mail address policy of an on-premises Exchange owns the addresses, and writes its own primary again.",
		"Switch the policy off for this holder, or change its template."}
}

// syncWords are about what has not come to the cloud.
func syncWords(code cause.Code) [2]string {
	switch code {
	case cause.SyncStopped:
		return [2]string{"The synchronisation does not run, so what was changed in the directory does not come.",
			"Start it again on the sync server: Get-ADSyncScheduler says why it stands still."}
	case cause.NotInCloud:
		return [2]string{"The holder is not in the tenant: it is outside the scope of the sync, or a rule leaves it out.",
			"Bring it into scope, or take its addresses away if it shall stay out."}
	case cause.CloudManaged:
		return [2]string{"The cloud owns the holder, not the directory: what stands on-premises does not arrive.",
			"Change its addresses in the cloud, or bring it back into the scope of the sync."}
	case cause.ExportErrorSuspected:
		return [2]string{"A sync ran, the value is absent, no error is shown, and another object has the address: the export seems to fail.",
			"Look at the export errors on the sync server; take the address away from one of the two."}
	}
	return [2]string{"The cloud did not show the value in time, and nothing says why.",
		"Run aliasd check, and sync the object by itself on the sync server."}
}

// cloudWords are about what the cloud makes of a value.
func cloudWords(code cause.Code) [2]string {
	switch code {
	case cause.Quarantined:
		return [2]string{"The cloud put the value into quarantine, because another object of the tenant has it.",
			"Take the address away from one of the two; the cloud releases it within an hour."}
	case cause.DomainNotVerified:
		return [2]string{"The tenant has not verified the domain, so the cloud removes the address.",
			"Verify the domain in the tenant, or correct the address."}
	case cause.ValueDiscarded:
		return [2]string{"The cloud drops the value: it breaks a rule, or its type does not synchronise.",
			"Correct the value or remove it; nobody gets mail by it in the cloud."}
	case cause.LicenceMissing:
		return [2]string{"The holder has no Exchange licence, so the cloud makes the address in the initial domain the primary.",
			"Give it a licence with Exchange Online, or leave it where the person has left."}
	case cause.UPNStays:
		return [2]string{"The address stays in the cloud although it is not on-premises, because it is the sign-in name.",
			"Accept it, or change the user principal name on-premises."}
	case cause.AmbiguousHolder:
		return [2]string{"Several contacts of the tenant have the holder's addresses, so it is not known which of them it is, and nothing was compared.",
			"Leave the addresses with one of them, and remove them from the others."}
	case cause.HeldByDeleted:
		return [2]string{"The address does not arrive, and nobody but a deleted user or group is seen to have it.",
			"Look for an export error, and for a public folder or dynamic group that has it; a deleted group gives it up when its 30 days are over."}
	case cause.CalculatedOtherwise:
		return [2]string{"The cloud shows something else than its documented rules give, and nothing known explains it.",
			"Look for a custom sync rule; aliasd explain HOLDER shows all three sides."}
	}
	return [2]string{}
}
