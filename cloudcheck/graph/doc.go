// Package graph reads holders, domains and the sync state of a tenant through the Microsoft Graph SDK, in as few HTTP
// calls as it can: fifteen cloud ids in an `in` filter, twenty such requests in a batch, 300 holders in a call.
//
// It never writes, never decides what an answer means for a request (cloudcheck does), and never sends a token anywhere
// but to the one Graph it was opened for.
//
// # What of the SDK is used
//
// The SDK's request adapter, authentication, middlewares and error type (models/odataerrors) make every call. The middlewares
// are listed in a fixed order, since the default list comes out of a map (see pipeline).
//
// Two parts of the SDK are not used. Its root package compiles every API of Graph. Its request builders (users, groups, …)
// compile its models: 340 CPU seconds and 5 GB of memory on every fresh machine, to build a few addresses. So the addresses are
// made by area.url, from the URL templates that the builders have, and the answers are read into small types of our own.
//
// Those types are also cheaper and safer than the models. The figures are of msgraph-sdk-go v1.89.0, on two cores, from
// benchmarks that went with the models. A batch of 300 users in one call over TLS, the test server's share included, took 62 ms,
// 13.6 MB and 246,000 allocations with the SDK's batch and models, and 11 ms, 2.2 MB and 19,000 with ours. A user of 13
// properties took the models 55 µs and 31 KB, and ours 7 µs and 1.8 KB. The SDK's batch drops all answers when one item's body
// is no JSON object, panics on an item that it does not find, and does not retry throttled items; its collection splits at 19
// and loses all results when one call fails.
//
// # Reading everything
//
// An audit reads every user, group and contact in pages of 999, by GETs through the adapter with the same types. The pages of
// 20,000 users took twice as long as the same pages over a bare net/http that throws them away: 329 ms against 156 ms with two
// processors that the tenant in the box shared, where parsing cannot hide behind waiting (BenchmarkEachObject: 1.6 to 2.1 times
// on a busy machine). Three stages run at once: a page is fetched, the one before is parsed, and one is worked on.
//
// # Faults
//
// Every error is a *cause.Error that waits: throttled, or cloud_unavailable with what to do. A throttled call or item is
// tried again while Options.Patience lasts; what Graph wants to wait longer for comes back with the time, and until then
// nothing is sent. An item that fails spoils no other. A token that is refused is renewed once a minute at most; a
// sign-in that is refused is not tried again for half a minute.
package graph
