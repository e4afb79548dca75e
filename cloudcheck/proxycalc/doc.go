// Package proxycalc is Entra's proxy calculation as one pure function: what the cloud makes of a holder's on-premises
// mail, proxyAddresses, UPN and mailNickname, of its licence, of the tenant's domains and of the earlier cloud value.
//
// Each rule is one small function that names the document it comes from:
//
//   - KB 3190357: "How the proxyAddresses attribute is populated in Microsoft Entra ID", with its scenarios 1 to 6
//   - Shadow attributes: "Microsoft Entra Connect Sync service shadow attributes"
//   - UPN population: "Microsoft Entra UserPrincipalName population"
//   - Duplicate resiliency: "Identity synchronization and duplicate attribute resiliency"
//   - Users, groups and contacts: "Microsoft Entra Connect Sync: Understanding Users, Groups, and Contacts"
//   - Directory preparation: "Prepare for directory synchronization to Microsoft 365"
//   - Sync errors: "Understanding errors during Microsoft Entra synchronization"
//
// Where the documents leave a case open, the result says in Assumptions what was assumed. The package never reads a
// directory or a tenant, never decides whether a request is good, and never makes an address up: each one in a result
// stands in the input, is the UPN, was there before, or is the MOERA.
package proxycalc
