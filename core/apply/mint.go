package apply

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

const (
	minSecret   = 8
	maxSecret   = 256
	maxKeyYears = 20
)

// checkGenerate refuses a secret that the services which read it would refuse.
func checkGenerate(a core.Action) error {
	if err := checkKey(a); err != nil {
		return err
	}
	r, err := recipe(a)
	if err != nil {
		return err
	}
	known, err := supabase.RecipeOf(a.Text("key"))
	switch {
	case err != nil:
		return err
	case !slices.Contains([]string{"hex", "base64", "alphanumeric", "token"}, r.Encoding), r.Encoding == "token" && r.Prefix == "":
		return core.Errorf(core.Invalid, "encoding is %q; it may be hex, base64 or alphanumeric", r.Encoding)
	case known.Exact && (r.Length != known.Length || known.Encoding == "token" && r.Encoding != "token"):
		return core.Errorf(core.Invalid, "length is %d; %s must be exactly %d characters (%s)", r.Length, a.Text("key"), known.Length, known.Encoding)
	case r.Length < minSecret || r.Length > maxSecret:
		return core.Errorf(core.Invalid, "length is %d; it may be %d to %d", r.Length, minSecret, maxSecret)
	}
	return nil
}

// recipe is how the variable's secret is made, but for what the action says
// otherwise.
func recipe(a core.Action) (supabase.Recipe, error) {
	r, err := supabase.RecipeOf(a.Text("key"))
	r.Length = number(a, "length", r.Length)
	r.Encoding = cmp.Or(a.Text("encoding"), r.Encoding)
	return r, err
}

// generateSecret gives a variable in the .env a new random value. Nobody but the
// .env knows it.
func generateSecret(ctx context.Context, t *transaction, a core.Action) error {
	r, err := recipe(a)
	if err != nil {
		return err
	}
	v, err := r.Draw()
	if err != nil {
		return err
	}
	t.mask.Add(v)
	return t.putEnv(ctx, a.Text("key"), v)
}

func checkMint(a core.Action) error {
	if n := number(a, "years", supabase.DefaultKeyYears); n < 1 || n > maxKeyYears {
		return core.Errorf(core.Invalid, "years is %d; it may be 1 to %d", n, maxKeyYears)
	}
	return nil
}

// mintKeys signs the API keys anew with the JWT_SECRET that the .env has now, and
// makes what else follows from it.
func mintKeys(ctx context.Context, t *transaction, a core.Action) error {
	f, err := t.e.ReadFile(ctx, t.env)
	if err != nil {
		return err
	}
	vars, err := supabase.ParseEnv(f.Data)
	if err != nil {
		return err
	}
	env := core.EnvFile{Vars: vars}
	made, err := supabase.MintKeys(env.Lookup, t.now(), number(a, "years", supabase.DefaultKeyYears))
	if err != nil {
		return err
	}
	for _, v := range made {
		t.mask.Add(v)
	}
	return t.editEnv(ctx, func(data []byte) ([]byte, error) {
		for _, key := range slices.Sorted(maps.Keys(made)) {
			var err error
			if data, err = supabase.SetEnv(data, key, made[key].Reveal()); err != nil {
				return nil, err
			}
		}
		return data, nil
	})
}
