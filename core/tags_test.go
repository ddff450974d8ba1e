package core

import (
	"slices"
	"strings"
	"testing"
)

func TestTags(t *testing.T) {
	got, err := Tags([]string{"paid", "eu:west", "paid"})
	if err != nil || !slices.Equal(got, []string{"eu:west", "paid"}) {
		t.Errorf("%q, %v", got, err)
	}
	for name, list := range map[string][]string{
		"an empty one": {""}, "a space": {"a b"}, "upper case": {"Paid"}, "markup": {"<b>"}, "too long": {strings.Repeat("x", 33)}, "too many": strings.Split("abcdefghijk", ""),
	} {
		if _, err := Tags(list); CodeOf(err) != Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
