//go:build race

package queue_test

// underRace says that the race detector is in, under which everything takes five to ten times as long.
const underRace = true
