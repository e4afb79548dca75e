// Package config reads the settings file: strictly, with every problem at once, each on its line.
//
// One table (table.go) holds every key with its reader, its default and its explanation; the decoder, the defaults and
// the documented sample all come from it. Reading and judging have no side effects: no other file is opened, no
// variable of the environment is read (but the folder that Windows keeps program data in), no network is used. Secrets
// stand in the settings file by reference only and are read when they are used. CheckFiles alone opens the files that
// the settings name, and changes none.
//
// The package never holds a secret's value, and never prints what stands where a secret's reference should be.
package config

//go:generate go test -run ^TestSampleFile$ . -update
