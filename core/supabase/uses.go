package supabase

import (
	"fmt"
	"os"
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"
)

// Uses returns the names of the compose services whose definition uses the
// variable key, in the files given: those must be recreated when it changes. One
// that takes a whole file of variables counts always.
func Uses(files []string, key string) ([]string, error) {
	use := regexp.MustCompile(`\$(?:` + regexp.QuoteMeta(key) + `\b|\{` + regexp.QuoteMeta(key) + `[^A-Za-z0-9_])`)
	var found []string
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		var doc struct {
			Services map[string]map[string]any `yaml:"services"`
		}
		if err := yaml.Unmarshal(data, &doc); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		for service, def := range doc.Services {
			text, err := yaml.Marshal(def) // aliases and merges are resolved by now
			if err != nil {
				return nil, fmt.Errorf("read %s of %s: %w", service, name, err)
			}
			_, wholeFile := def["env_file"]
			if (wholeFile || use.Match(text)) && !slices.Contains(found, service) {
				found = append(found, service)
			}
		}
	}
	slices.Sort(found)
	return found, nil
}
