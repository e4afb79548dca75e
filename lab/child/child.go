// Package child runs the servers of the lab as child processes that never outlive the test that started them, each in a
// temporary folder that is removed with it, at the latest by the next test. It knows nothing of what the servers are.
package child
