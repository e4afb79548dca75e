//go:build !race

package main

// underRaceDetector says that everything takes several times as long.
const underRaceDetector = false
