package samba

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// pack writes a folder into an archive, which appears at its path as a whole or not at all.
func pack(f folder, archive string) error {
	temporary, err := os.CreateTemp(filepath.Dir(archive), ".pack-")
	if err != nil {
		return fmt.Errorf("pack the domain: %w", err)
	}
	err = errors.Join(writeArchive(temporary, f), temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), archive)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("pack the domain: %w", err), os.Remove(temporary.Name()))
	}
	return nil
}

func writeArchive(to io.Writer, f folder) error {
	packed, err := gzip.NewWriterLevel(to, gzip.BestSpeed)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(packed)
	err = filepath.WalkDir(string(f), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return addToArchive(archive, f, path, entry)
	})
	return errors.Join(err, archive.Close(), packed.Close())
}

// addToArchive adds folders and regular files under their names relative to the folder; a domain has nothing else in it.
func addToArchive(archive *tar.Writer, f folder, path string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
		return err
	}
	name, err := filepath.Rel(string(f), path)
	if err != nil {
		return err
	}
	header := &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), Typeflag: tar.TypeDir}
	if info.IsDir() {
		return archive.WriteHeader(header)
	}
	header.Typeflag, header.Size = tar.TypeReg, info.Size()
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(archive, file)
	return errors.Join(err, file.Close())
}

// unpack fills a folder from an archive. The error is fs.ErrNotExist when there is no such archive.
func unpack(archive string, f folder) error {
	file, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("open the cached domain: %w", err)
	}
	defer func() { _ = file.Close() }()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return damaged(archive, err)
	}
	for reader := tar.NewReader(unpacked); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = takeFromArchive(reader, header, f)
		}
		if err != nil {
			return damaged(archive, err)
		}
	}
}

func takeFromArchive(reader io.Reader, header *tar.Header, f folder) error {
	if !filepath.IsLocal(header.Name) {
		return fmt.Errorf("the name %q leads out of the folder", header.Name)
	}
	mode := fs.FileMode(header.Mode).Perm()
	if header.Typeflag == tar.TypeDir {
		return os.MkdirAll(f.path(header.Name), mode|0o700)
	}
	file, err := os.OpenFile(f.path(header.Name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, reader)
	return errors.Join(err, file.Close())
}

func damaged(archive string, err error) error {
	return fmt.Errorf("unpack the cached domain %s (delete it to have it made anew): %w", archive, err)
}
