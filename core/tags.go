package core

import (
	"regexp"
	"slices"
)

// mostTags is how many tags an instance has at most.
const mostTags = 10

var validTag = regexp.MustCompile(`^[a-z0-9][a-z0-9._:-]{0,31}$`)

// Tags returns the tags of an instance in order, each once. A tag that people
// could not read, type or put into an address is Invalid.
func Tags(list []string) ([]string, error) {
	tags := slices.Compact(slices.Sorted(slices.Values(list)))
	if len(tags) > mostTags {
		return nil, Errorf(Invalid, "an instance has at most %d tags", mostTags)
	}
	for _, t := range tags {
		if !validTag.MatchString(t) {
			return nil, Errorf(Invalid, "%.40q is not a tag: 1 to 32 of a-z, 0-9, . _ : -, beginning with a letter or a digit", t)
		}
	}
	return tags, nil
}
