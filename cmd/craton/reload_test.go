package main

import (
	"reflect"
	"slices"
	"testing"

	"github.com/craton-ai/craton/internal/config"
)

// TestReloadsTellWhatTheyLeave changes each setting by itself: a reload applies
// it, or says that the old value holds.
func TestReloadsTellWhatTheyLeave(t *testing.T) {
	t.Parallel()
	var change func(t *testing.T, at reflect.Value, path string, now *config.Config)
	var fields int
	change = func(t *testing.T, at reflect.Value, path string, now *config.Config) {
		for i := range at.NumField() {
			tag := at.Type().Field(i).Tag.Get("yaml")
			if tag == "" {
				continue
			}
			field, name := at.Field(i), path+tag
			if field.Kind() == reflect.Struct {
				change(t, field, name+".", now)
				continue
			}
			fields++
			before := reflect.New(field.Type()).Elem()
			before.Set(field)
			switch field.Kind() {
			case reflect.String:
				field.SetString("other")
			case reflect.Bool:
				field.SetBool(true)
			case reflect.Int, reflect.Int64:
				field.SetInt(7)
			case reflect.Slice:
				field.Set(reflect.MakeSlice(field.Type(), 1, 1))
			case reflect.Map:
				field.Set(reflect.MakeMap(field.Type()))
			case reflect.Pointer:
				field.Set(reflect.New(field.Type().Elem()))
			default:
				t.Fatalf("%s is a %s", name, field.Kind())
			}
			told := needRestart(&config.Config{}, now)
			if applied := slices.Contains(reloaded, name); applied && len(told) > 0 || !applied && !slices.Equal(told, []string{name}) {
				t.Errorf("%s changed: told are %q", name, told)
			}
			field.Set(before)
		}
	}
	now := &config.Config{}
	change(t, reflect.ValueOf(now).Elem(), "", now)
	if fields < 40 {
		t.Errorf("only %d settings were changed", fields)
	}
}
