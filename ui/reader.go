package ui

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed reader.html
var readerText string

// reader is the description of the API as a page, and the policy that lets
// nothing but its own style in.
type reader struct {
	page   []byte
	policy string
}

// readerGroup is the routes of one kind of thing.
type readerGroup struct {
	Name   string
	Routes []readerRoute
}

type readerRoute struct {
	ID, Method, Path, Does, Needs string
	Status                        int
	Query, In, Out                []readerField
}

// readerField is a field of a body, as deep as it lies in it.
type readerField struct {
	Name, Type, Doc string
	Required        bool
	Depth           int
}

// newReader makes the page of a route table.
func newReader(routes []route) (reader, error) {
	doc := describe(routes)
	var groups []readerGroup
	for _, r := range routes {
		name := groupOf(r.path)
		i := slices.IndexFunc(groups, func(g readerGroup) bool { return g.Name == name })
		if i < 0 {
			i, groups = len(groups), append(groups, readerGroup{Name: name})
		}
		groups[i].Routes = append(groups[i].Routes, readRoute(r, doc.Components.Schemas))
	}
	var b bytes.Buffer
	if err := template.Must(template.New("reader").Parse(readerText)).Execute(&b, groups); err != nil {
		return reader{}, err
	}
	_, style, _ := strings.Cut(b.String(), "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	return reader{b.Bytes(), "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-" +
		base64.StdEncoding.EncodeToString(sum[:]) + "'"}, nil
}

// groupOf names what a route is about.
func groupOf(path string) string {
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/api/"), "/")
	switch {
	case !strings.HasPrefix(path, "/api/"):
		return "agent"
	case first == "instances" && strings.HasPrefix(rest, ":id/"):
		return "one instance"
	case slices.Contains([]string{"login", "session", "logout", "me"}, first):
		return "login"
	case strings.Contains(first, "."):
		return "agent"
	}
	return first
}

func readRoute(r route, registry huma.Registry) readerRoute {
	op := operation(r, registry)
	out := readerRoute{ID: op.OperationID, Method: r.method, Path: parameter.ReplaceAllString(r.path, "{$1}"), Does: r.does, Status: r.status, Needs: string(r.may)}
	if r.on == everybody {
		out.Needs = ""
	}
	for _, q := range r.query {
		name, meaning, _ := strings.Cut(q, ": ")
		out.Query = append(out.Query, readerField{Name: name, Type: "string", Doc: meaning})
	}
	if op.RequestBody != nil {
		out.In = fieldsOf(op.RequestBody.Content["application/json"].Schema, registry, 0)
	}
	if r.out != nil {
		for _, media := range content("application/json", "", registry, r.out).Content {
			out.Out = fieldsOf(media.Schema, registry, 0)
		}
	}
	return out
}

// deepest is how far bodies are unfolded.
const deepest = 4

// fieldsOf lists the fields of a schema, those of what is in it after it.
func fieldsOf(s *huma.Schema, registry huma.Registry, depth int) []readerField {
	for s != nil && s.Ref != "" {
		s = registry.SchemaFromRef(s.Ref)
	}
	if s == nil || depth > deepest {
		return nil
	}
	if s.Items != nil {
		return fieldsOf(s.Items, registry, depth)
	}
	if inner, ok := s.AdditionalProperties.(*huma.Schema); ok {
		return fieldsOf(inner, registry, depth)
	}
	var list []readerField
	for name, p := range s.Properties {
		list = append(list, readerField{Name: name, Type: typeOf(p), Doc: p.Description, Required: slices.Contains(s.Required, name), Depth: depth})
	}
	slices.SortFunc(list, func(a, b readerField) int { return strings.Compare(a.Name, b.Name) })
	var all []readerField
	for _, f := range list {
		all = append(all, f)
		all = append(all, fieldsOf(s.Properties[f.Name], registry, depth+1)...)
	}
	return all
}

// typeOf says what a value is in a few words.
func typeOf(s *huma.Schema) string {
	if s.Ref != "" {
		return "object"
	}
	if s.Items != nil {
		return "list of " + typeOf(s.Items)
	}
	if inner, ok := s.AdditionalProperties.(*huma.Schema); ok {
		return "map to " + typeOf(inner)
	}
	if s.Format != "" {
		return s.Type + ", " + s.Format
	}
	return s.Type
}

func (c *call) readAPI() (any, error) {
	r, err := c.reader()
	if err != nil {
		return nil, err
	}
	c.Header("Content-Security-Policy", r.policy)
	c.Data(http.StatusOK, "text/html; charset=utf-8", r.page)
	return nil, nil
}
