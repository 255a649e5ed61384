package main

import (
	"reflect"
	"slices"

	"github.com/craton-ai/craton/internal/config"
)

// reloaded lists the settings that a reload applies.
var reloaded = []string{"upstreams", "discover", "default_model", "aliases", "fallbacks"}

// needRestart lists the settings that differ and that a reload does not apply.
func needRestart(old, now *config.Config) []string {
	var list []string
	a, b := reflect.ValueOf(old).Elem(), reflect.ValueOf(now).Elem()
	for i := range a.NumField() {
		name := a.Type().Field(i).Tag.Get("yaml")
		if !slices.Contains(reloaded, name) && !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			list = append(list, name)
		}
	}
	return list
}
