package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/basewright/basewright/core"
)

var (
	yamlLine = regexp.MustCompile(`line (\d+)(?:, column \d+)?: (.*)`)
	keyPath  = regexp.MustCompile(`\b(?:services|networks|volumes|configs|secrets)(?:[.:] ?[\w-]+|\[\d+\])+`)
	keyName  = regexp.MustCompile(`[\w-]+`)
	secretly = regexp.MustCompile(`(?i)pass|secret|key|token|jwt|salt`)
)

// problem says what Compose does not like, with the file and the line where
// they can be told, and without the secrets that it quotes.
func (s *folder) problem(env core.EnvFile, text string) error {
	for _, v := range env.Vars {
		if value := v.Value.Reveal(); len(value) >= 6 && secretly.MatchString(v.Key) {
			text = strings.ReplaceAll(text, value, v.Value.String())
		}
	}
	for _, path := range s.files {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(data, &doc); err != nil {
			if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
				return core.Errorf(core.Invalid, "%s:%s: %s", path, m[1], m[2])
			}
			return core.Errorf(core.Invalid, "%s: %v", path, err)
		}
		if line := lineOf(&doc, keyPath.FindString(text)); line > 0 {
			return core.Errorf(core.Invalid, "%s:%d: %s", path, line, text)
		}
	}
	return core.Errorf(core.Invalid, "%s", text)
}

// lineOf returns the line of the deepest key on a path such as
// services.db.ports that doc has, or 0 when it has not even two of them.
func lineOf(doc *yaml.Node, path string) int {
	if len(doc.Content) == 0 {
		return 0
	}
	node, line, depth := doc.Content[0], 0, 0
	for _, key := range keyName.FindAllString(path, -1) {
		var next *yaml.Node
		switch i, err := strconv.Atoi(key); {
		case node.Kind == yaml.SequenceNode && err == nil && i < len(node.Content):
			next, line = node.Content[i], node.Content[i].Line
		case node.Kind == yaml.MappingNode:
			for j := 0; j+1 < len(node.Content); j += 2 {
				if node.Content[j].Value == key {
					next, line = node.Content[j+1], node.Content[j].Line
				}
			}
		}
		if next == nil {
			break
		}
		node, depth = next, depth+1
	}
	if depth < 2 {
		return 0
	}
	return line
}
