// Package faultproxy stands between a client and a server that both speak TLS, and makes the connection between them go wrong
// at a chosen message: it cuts, resets, delays, holds, truncates and answers by itself. It speaks LDAP (so that a test can say
// "when the modify's answer comes") and HTTP/1.1 (so that a test can cut an answer in the middle of its body); everything else
// passes as bytes. It knows nothing of what the messages mean, keeps nothing, and is for the lab alone: it decrypts what it
// passes.
package faultproxy
