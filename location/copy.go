package location

// copyFile is what a node knows, on its disk: for the time after a start while etcd is away.
type copyFile struct {
	file  *file               // the clerk's own
	dirty map[string]struct{} // addresses of record that are not in it as they are in the table; the store's mu guards it
}

// openCopy takes up what the copy has, but for what has lapsed. Others may have changed it since: whoever registers before etcd was read
// finds out what is there.
func (s *Shared) openCopy() error {
	f, found, err := openFile(s.cfg.File, s.cfg.Log)
	if err != nil {
		return err
	}
	s.copy = &copyFile{file: f, dirty: map[string]struct{}{}}
	now := s.now()
	for _, k := range found {
		if r, err := s.record(k.aor, live(k.bindings, now)); err == nil {
			if r != nil {
				r.seen = outdated
			}
			s.put(k.aor, r)
		}
	}
	return nil
}

// writeCopy brings the copy up to date.
func (s *Shared) writeCopy() {
	if s.copy == nil {
		return
	}
	for {
		s.mu.Lock()
		var batch []kept
		for aor := range s.copy.dirty {
			if len(batch) == inOneGo {
				break
			}
			delete(s.copy.dirty, aor)
			batch = append(batch, kept{aor, s.table.named(aor).bindings()})
		}
		s.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		sortKept(batch)
		if err := s.copy.file.write(batch); err != nil {
			s.again(batch)
			return
		}
	}
}

// again has what was not written be written later: all of it, when the file is another one.
func (s *Shared) again(batch []kept) {
	isNew := s.copy.file.replace(s.table)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range batch {
		if !isNew {
			s.copy.dirty[k.aor] = struct{}{}
		}
	}
}

func (s *Shared) closeCopy() {
	if s.copy != nil {
		s.writeCopy()
		s.copy.file.close()
	}
}
