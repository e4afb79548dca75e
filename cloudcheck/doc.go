// Package cloudcheck is the cloud side: what the cloud must show, what it shows, and the verdict with its cause. It
// reads through the small interface Reader and does not know the Graph SDK; cloudcheck/graph does.
//
// It never writes, and it never says verified without evidence from both sides.
package cloudcheck
