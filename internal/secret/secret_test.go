package secret_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/secret"
	"github.com/craton-ai/craton/internal/store/mem"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newKey(t *testing.T) secret.MasterKey {
	t.Helper()
	k, err := secret.NewMasterKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newSealer(t *testing.T, keys ...secret.MasterKey) *secret.Sealer {
	t.Helper()
	s, err := secret.NewSealer(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func seal(t *testing.T, s *secret.Sealer, text string) []byte {
	t.Helper()
	sealed, err := s.Seal("t1", "test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestSealOpensOnlyAsItWasSealed(t *testing.T) {
	t.Parallel()
	s := newSealer(t, newKey(t))
	for _, text := range []string{"", "hunter2", strings.Repeat("long ", 10_000)} {
		sealed := seal(t, s, text)
		if text != "" && bytes.Contains(sealed, []byte(text)) {
			t.Error("the secret lies open in what was sealed")
		}
		if got, err := s.Open("t1", "test", sealed); err != nil || string(got) != text {
			t.Errorf("opened %q, %v; want %q", got, err, text)
		}
	}
	a, b := seal(t, s, "same"), seal(t, s, "same")
	if bytes.Equal(a, b) {
		t.Error("sealing twice gives the same bytes")
	}
	for _, c := range [][2]string{{"t2", "test"}, {"t1", "other"}, {"t1t", "est"}, {"", "t1test"}} {
		if _, err := s.Open(c[0], c[1], a); err == nil {
			t.Errorf("opened as tenant %q, purpose %q", c[0], c[1])
		}
	}
	for i := range a {
		bad := bytes.Clone(a)
		bad[i] ^= 1
		if _, err := s.Open("t1", "test", bad); err == nil {
			t.Errorf("opened with byte %d changed", i)
		}
		if _, err := s.Open("t1", "test", a[:i]); err == nil {
			t.Errorf("opened cut to %d bytes", i)
		}
	}
	if _, err := newSealer(t, newKey(t)).Open("t1", "test", a); !errors.Is(err, secret.ErrWrongKey) {
		t.Errorf("opened with another master key: %v", err)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	docs := mem.New()
	old, next := newKey(t), newKey(t)
	s := newSealer(t, old)
	ring := secret.NewKeyring(docs, s, func() time.Time { return now })
	if err := secret.Admit(ctx, docs, s, now); err != nil {
		t.Fatal(err)
	}
	sealed := seal(t, s, "hunter2")
	dataKey, err := ring.Key(ctx, "t1", "content")
	if err != nil || len(dataKey) != 32 {
		t.Fatal(dataKey, err)
	}

	err = secret.Admit(ctx, docs, newSealer(t, next), now)
	if err == nil || !strings.Contains(err.Error(), old.ID) || !strings.Contains(err.Error(), next.ID) {
		t.Errorf("a wrong master key: %v", err)
	}
	if err := s.Replace(next, old); err != nil {
		t.Fatal(err)
	}
	if err := secret.Admit(ctx, docs, s, now); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Open("t1", "test", sealed); err != nil || string(got) != "hunter2" {
		t.Errorf("during rotation: %q, %v", got, err)
	}
	rewrapped, changed, err := s.Rewrap("t1", "test", sealed)
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	if _, changed, err = s.Rewrap("t1", "test", rewrapped); err != nil || changed {
		t.Errorf("rewrapping twice: %v, %v", changed, err)
	}
	if n, err := ring.Rewrap(ctx); err != nil || n != 1 {
		t.Errorf("rewrapped %d data keys, %v", n, err)
	}
	if retired, err := secret.Retire(ctx, docs, s); err != nil || fmt.Sprint(retired) != fmt.Sprint([]string{old.ID}) {
		t.Errorf("retired %v, %v", retired, err)
	}

	alone := newSealer(t, next)
	if err := secret.Admit(ctx, docs, alone, now); err != nil {
		t.Errorf("after rotation the new key alone: %v", err)
	}
	if got, err := alone.Open("t1", "test", rewrapped); err != nil || string(got) != "hunter2" {
		t.Errorf("after rotation: %q, %v", got, err)
	}
	again, err := secret.NewKeyring(docs, alone, func() time.Time { return now }).Key(ctx, "t1", "content")
	if err != nil || !bytes.Equal(again, dataKey) {
		t.Errorf("the data key changed: %v", err)
	}
	if err := secret.Admit(ctx, docs, newSealer(t, old), now); err == nil {
		t.Error("the retired key alone is accepted")
	}
}

func TestKeyringIsPerTenantAndPurpose(t *testing.T) {
	t.Parallel()
	docs := mem.New()
	s := newSealer(t, newKey(t))
	clock := func() time.Time { return now }
	seen := map[string]string{}
	for _, c := range [][2]string{{"t1", "a"}, {"t2", "a"}, {"t1", "b"}} {
		one, err := secret.NewKeyring(docs, s, clock).Key(t.Context(), c[0], c[1])
		if err != nil {
			t.Fatal(err)
		}
		other, err := secret.NewKeyring(docs, s, clock).Key(t.Context(), c[0], c[1])
		if err != nil || !bytes.Equal(one, other) {
			t.Errorf("two processes have different keys for %v: %v", c, err)
		}
		if before, taken := seen[string(one)]; taken {
			t.Errorf("%v has the key of %s", c, before)
		}
		seen[string(one)] = fmt.Sprint(c)
	}
}

func TestMasterKeyIsNotPrinted(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	text := strings.TrimPrefix(k.Text(), "craton-master-1:")
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if printed := fmt.Sprintf(format, k); strings.Contains(printed, text) || !strings.Contains(printed, k.ID) {
			t.Errorf("%s prints %s", format, printed)
		}
	}
}

func TestMasterKeyFile(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "keys", "master.key")
	_, err := secret.Load(ctx, secret.Source{File: path}, rand.Reader)
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a file that is not there: %v", err)
	}
	made, err := secret.Load(ctx, secret.Source{File: path, Create: true}, rand.Reader)
	if err != nil || len(made) != 1 {
		t.Fatal(made, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	read := load(t, secret.Source{File: path, Create: true})
	if len(read) != 1 || read[0].ID != made[0].ID {
		t.Errorf("read %v, made %v", read, made)
	}
	added, err := secret.AddMasterKey(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(load(t, secret.Source{File: path})); got != fmt.Sprint([]secret.MasterKey{added, made[0]}) {
		t.Errorf("after adding: %s", got)
	}
	if err := secret.DropOldMasterKeys(path); err != nil {
		t.Fatal(err)
	}
	if got := load(t, secret.Source{File: path}); len(got) != 1 || got[0].ID != added.ID {
		t.Errorf("after dropping: %v", got)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.Load(ctx, secret.Source{File: path}, rand.Reader); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others may read: %v", err)
	}
}

func load(t *testing.T, s secret.Source) []secret.MasterKey {
	t.Helper()
	keys, err := secret.Load(context.Background(), s, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestMasterKeyFromElsewhere(t *testing.T) {
	t.Parallel()
	a, b := newKey(t), newKey(t)
	text := "# two keys\n" + a.Text() + "\n\n" + b.Text() + "\n"
	if got := load(t, secret.Source{Value: a.Text() + "," + b.Text()}); len(got) != 2 || got[0].ID != a.ID {
		t.Errorf("from a value: %v", got)
	}
	path := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := load(t, secret.Source{Command: []string{"cat", path}}); len(got) != 2 || got[1].ID != b.ID {
		t.Errorf("from a command: %v", got)
	}
	for name, bad := range map[string]secret.Source{
		"nothing":           {},
		"a password":        {Value: "correct horse battery staple"},
		"half a key":        {Value: a.Text()[:40]},
		"only a comment":    {Value: "# nothing"},
		"no such command":   {Command: []string{filepath.Join(t.TempDir(), "none")}},
		"a failing command": {Command: []string{"false"}},
		"a silent command":  {Command: []string{"true"}},
	} {
		if keys, err := secret.Load(t.Context(), bad, rand.Reader); err == nil {
			t.Errorf("%s gave %v", name, keys)
		} else if strings.Contains(err.Error(), "battery") || strings.Contains(err.Error(), a.Text()[20:40]) {
			t.Errorf("%s shows its content: %v", name, err)
		}
	}
}

func TestUnlockNeverBeginsAnew(t *testing.T) {
	t.Parallel()
	docs := mem.New()
	source := secret.Source{File: filepath.Join(t.TempDir(), "master.key"), Create: true}
	first, err := secret.Unlock(t.Context(), source, docs, rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	again, err := secret.Unlock(t.Context(), source, docs, rand.Reader, now)
	if err != nil || again.KeyID() != first.KeyID() {
		t.Errorf("a second start: %v", err)
	}
	if err := os.Remove(source.File); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.Unlock(t.Context(), source, docs, rand.Reader, now); err == nil || !strings.Contains(err.Error(), "restore it") {
		t.Errorf("a lost master key: %v", err)
	}
	if _, err := os.Stat(source.File); !os.IsNotExist(err) {
		t.Error("a new master key was put where the lost one was")
	}
	other := secret.Source{Value: newKey(t).Text()}
	if _, err := secret.Unlock(t.Context(), other, docs, rand.Reader, now); err == nil || !strings.Contains(err.Error(), first.KeyID()) {
		t.Errorf("a wrong master key: %v", err)
	}
}
