package main

import (
	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/server"
)

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{Use: "explain HOLDER", Short: "Say how a holder stands on both sides, and what to do",
		Example: "  aliasd explain jdoe@contoso.com\n  aliasd explain \"Sales Team\" --json",
		Long: `Puts a user's, group's or contact's values on-premises, the ones that Entra should calculate from them, and the ones that the cloud
shows side by side, says why a value differs and who stands in the way, and what would be done about it. Nothing is changed.

Exit codes: 0 nothing is wrong (what is on its way counts as that), 4 something is wrong, 3 no holder or several fit the name,
1 the cloud could not be asked, and nothing is wrong on-premises.`,
		Args: holderArgs(1),
		RunE: func(c *cobra.Command, given []string) error {
			remote, err := a.connect()
			if err != nil {
				return err
			}
			view, err := remote.Holder(c.Context(), given[0])
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(view)
			} else {
				err = printHolder(a.out, view, a.now())
			}
			if err != nil {
				return err
			}
			return explained(view)
		}}
}

// explained is how a holder stands, as an exit code; the output says the rest.
func explained(view server.HolderView) error {
	switch {
	case worst(view.Findings) == cloudcheck.Wrong:
		return &silentError{code: exitMismatched}
	case view.Sync == nil:
		return &silentError{code: exitError}
	}
	return nil
}

// worst is the severity of the worst finding; they stand in that order.
func worst(findings []cloudcheck.Finding) cloudcheck.Severity {
	if len(findings) == 0 {
		return ""
	}
	return findings[0].Severity
}
