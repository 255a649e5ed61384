package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// EnvMasterKey is the environment variable that may hold the master keys.
const EnvMasterKey = "CRATON_MASTER_KEY"

// Source says where the master keys are. The first that is set wins: Value,
// Command, File.
type Source struct {
	// Value is the keys' text, from [EnvMasterKey].
	Value string
	// Command is run, without a shell, and prints the keys' text.
	Command []string
	// File holds the keys' text and must be readable by its owner only.
	File string
	// Create makes File with a new key if it does not exist. Set it only for a
	// first start on loopback.
	Create bool
}

// Load returns the master keys, the current one first. random is read only to
// create a key.
func Load(ctx context.Context, source Source, random io.Reader) ([]MasterKey, error) {
	switch {
	case source.Value != "":
		keys, err := ParseMasterKeys(source.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", EnvMasterKey, err)
		}
		return keys, nil
	case len(source.Command) > 0:
		return loadCommand(ctx, source.Command)
	case source.File != "":
		keys, err := loadFile(source.File)
		if !errors.Is(err, fs.ErrNotExist) {
			return keys, err
		}
		if !source.Create {
			return nil, fmt.Errorf("secret: the master key file %s does not exist, and a server that others can reach makes none: restore it from "+
				"where you keep it or, for a new server, write one of the form %s<base64 of 32 random bytes>, mode 0600; or set %s",
				source.File, keyText, EnvMasterKey)
		}
		key, err := NewMasterKey(random)
		if err != nil {
			return nil, err
		}
		return []MasterKey{key}, writeFile(source.File, []MasterKey{key})
	}
	return nil, errors.New("secret: no source of the master key was given")
}

func loadCommand(ctx context.Context, command []string) ([]MasterKey, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("secret: the master key command %s failed: %w", command[0], err)
	}
	keys, err := ParseMasterKeys(out.String())
	if err != nil {
		return nil, fmt.Errorf("secret: output of the master key command %s: %w", command[0], err)
	}
	return keys, nil
}

func loadFile(path string) ([]MasterKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("secret: master key file: %w", err)
	}
	// Windows has no such mode bits; there the directory's ACL has to do.
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("secret: the master key file %s may be read by others (mode %04o): "+
			"run chmod 600 on it, and replace the key if others had access", path, mode)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("secret: master key file: %w", err)
	}
	keys, err := ParseMasterKeys(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// AddMasterKey begins a rotation: it puts a new key first into the file, so
// that it becomes current at the next load, while the keys that are there go
// on opening what they sealed.
func AddMasterKey(path string, random io.Reader) (MasterKey, error) {
	keys, err := loadFile(path)
	if err != nil {
		return MasterKey{}, err
	}
	key, err := NewMasterKey(random)
	if err != nil {
		return MasterKey{}, err
	}
	return key, writeFile(path, append([]MasterKey{key}, keys...))
}

// DropOldMasterKeys ends a rotation: it leaves only the current key in the
// file. Call it after [Retire].
func DropOldMasterKeys(path string) error {
	keys, err := loadFile(path)
	if err != nil {
		return err
	}
	return writeFile(path, keys[:1])
}

// writeFile replaces the file atomically and durably: losing the master key is
// losing every secret.
func writeFile(path string, keys []MasterKey) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("secret: directory of the master key: %w", err)
	}
	tmp, err := os.CreateTemp(dir, ".master-*") // mode 0600
	if err != nil {
		return fmt.Errorf("secret: write the master key: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name())
			err = fmt.Errorf("secret: write the master key: %w", err)
		}
	}()
	text := "# Master keys: the first seals, all open. Keep a copy away from the data's backups.\n"
	for _, k := range keys {
		text += k.Text() + "\n"
	}
	if _, err = tmp.WriteString(text); err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename durable where the platform can.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
