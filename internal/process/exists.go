package process

// Exists reports whether there is a file at an absolute path inside the root.
func (p *Process) Exists(path string) bool {
	_, err := p.link.fs.stat(path)
	return err == nil
}
