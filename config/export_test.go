package config

// Parse reads settings from data; name stands for the file in problems, and relative paths are taken from dir. The error is Problems, all of them.
func Parse(name string, data []byte, dir string) (*Settings, error) {
	return parse(name, data, newBase(dir, nil))
}
