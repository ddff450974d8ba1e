package ui

import (
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

func (c *call) openapi() (any, error) {
	b, err := c.description()
	if err == nil {
		c.Data(http.StatusOK, "application/json; charset=utf-8", b)
	}
	return nil, err
}

// describe makes the OpenAPI document out of a route table and the types of
// the bodies.
func describe(routes []route) *huma.OpenAPI {
	registry := schemas()
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info:    &huma.Info{Title: "Basewright", Version: "1", Description: "Diagnoses and repairs self-hosted Supabase stacks."},
		Components: &huma.Components{Schemas: registry, SecuritySchemes: map[string]*huma.SecurityScheme{
			"bearer": {Type: "http", Scheme: "bearer", Description: "the JWT of POST /api/login, or an API token"},
			"cookie": {Type: "apiKey", In: "cookie", Name: cookieName},
		}},
		Paths: map[string]*huma.PathItem{},
	}
	for _, r := range routes {
		path := parameter.ReplaceAllString(r.path, "{$1}")
		item := doc.Paths[path]
		if item == nil {
			item = &huma.PathItem{}
			doc.Paths[path] = item
		}
		*map[string]**huma.Operation{get: &item.Get, post: &item.Post, put: &item.Put, patch: &item.Patch, del: &item.Delete}[r.method] = operation(r, registry)
	}
	return doc
}

// schemas makes schemas of Go types, named as they are.
func schemas() huma.Registry {
	return huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
}

var parameter = regexp.MustCompile(`:([a-z]+)`)

func operation(r route, registry huma.Registry) *huma.Operation {
	op := &huma.Operation{
		OperationID: strings.ToLower(r.method) + strings.NewReplacer("/api", "", "/", "-", ":", "", ".", "-").Replace(r.path),
		Summary:     r.does, Responses: map[string]*huma.Response{"default": content("application/problem+json", "What went wrong", registry, Problem{})},
	}
	if r.on != everybody {
		op.Security = []map[string][]string{{"bearer": {}}, {"cookie": {}}}
		op.Description = "Needs the permission " + string(r.may) + "."
		if r.fresh != "" {
			op.Description += " " + string(r.fresh) + " must be proven, too, within the last 15 minutes: POST /api/me/proof. An API token need not."
		}
	}
	for _, m := range parameter.FindAllStringSubmatch(r.path, -1) {
		op.Parameters = append(op.Parameters, &huma.Param{Name: m[1], In: "path", Required: true, Schema: &huma.Schema{Type: "string"}})
	}
	for _, q := range r.query {
		name, meaning, _ := strings.Cut(q, ": ")
		op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "query", Description: meaning, Schema: &huma.Schema{Type: "string"}})
	}
	if r.in != nil {
		op.RequestBody = &huma.RequestBody{Required: true, Content: content("application/json", "", registry, r.in).Content}
	}
	op.Responses[strconv.Itoa(r.status)] = successOf(r, registry)
	if r.or != nil {
		op.Responses[strconv.Itoa(r.or.status)] = content("application/json", http.StatusText(r.or.status), registry, r.or.out)
	}
	return op
}

// successOf describes the usual success of a route, in each of its kinds.
func successOf(r route, registry huma.Registry) *huma.Response {
	done := &huma.Response{Description: "Done", Content: map[string]*huma.MediaType{}}
	if r.out != nil {
		done = content("application/json", "Done", registry, r.out)
	}
	for _, kind := range r.kinds {
		done.Content[kind] = &huma.MediaType{}
	}
	return done
}

func content(kind, does string, registry huma.Registry, v any) *huma.Response {
	schema := registry.Schema(reflect.TypeOf(v), true, reflect.TypeOf(v).Name())
	return &huma.Response{Description: does, Content: map[string]*huma.MediaType{kind: {Schema: schema}}}
}
