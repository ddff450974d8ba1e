package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/durable"
)

const keySize = 32

// loadKey reads the fingerprint key, which is made once. It is not in the
// database, so that a copy of the database tells nothing about secrets.
func loadKey(path string) (core.FingerprintKey, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		fresh := make([]byte, keySize)
		if _, err := rand.Read(fresh); err != nil {
			return nil, fmt.Errorf("make the fingerprint key %s: %w", path, err)
		}
		b, err = writeOnce(path, fresh)
	}
	if err != nil {
		return nil, fmt.Errorf("read the fingerprint key: %w", err)
	}
	if len(b) != keySize {
		return nil, &core.Error{
			Code:    core.Unreachable,
			Message: fmt.Sprintf("the fingerprint key %s has %d bytes instead of %d", path, len(b), keySize),
			Hint:    "put the right file back, or remove it to get a new key; plans made before must then be made again",
		}
	}
	return b, nil
}

// writeOnce puts the whole of data at path or nothing, and returns what is there
// then: what another program that started at the same time had put there stays.
func writeOnce(path string, data []byte) ([]byte, error) {
	temp := path + "." + core.NewID()
	if err := durable.WriteNew(temp, data, 0o600); err != nil {
		return nil, err
	}
	defer os.Remove(temp)
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := durable.SyncDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

type settingRow struct {
	Key   string `gorm:"primaryKey"`
	Value string
}

func (settingRow) TableName() string { return "settings" }

// Setting returns the setting key; a missing one is core.NotFound.
func (s *Store) Setting(ctx context.Context, key string) (string, error) {
	var r settingRow
	err := s.read.WithContext(ctx).Take(&r, "key = ?", key).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return "", core.Errorf(core.NotFound, "there is no setting %s", key)
	}
	return r.Value, s.explain(err)
}

// SetSetting stores a setting that is no secret.
func (s *Store) SetSetting(ctx context.Context, key, value string) error {
	err := s.write.WithContext(ctx).Clauses(clause.OnConflict{UpdateAll: true}).Create(&settingRow{key, value}).Error
	return s.explain(err)
}
