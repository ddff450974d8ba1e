package ui

import (
	"net/http"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
)

// factorMissing says that the password was right and a code is wanted, too.
type factorMissing struct{ status int }

func (factorMissing) Error() string {
	return `this user has a second factor: send its code, or a recovery code, as "code" too`
}

type factorOut struct {
	Reply
	Secret string `json:"secret" doc:"for an authenticator app"`
	URI    string `json:"uri" doc:"the same, as a QR code holds it"`
}

type factorIn struct {
	Secret   string `json:"secret" doc:"as it was proposed"`
	Code     string `json:"code" doc:"that the app shows now"`
	Password string `json:"password"`
}

type factorSetOut struct {
	Reply
	Recovery []string `json:"recovery_codes" doc:"shown once; each counts once, in place of a code"`
}

type factorOffIn struct {
	Password string `json:"password"`
	Code     string `json:"code" doc:"of the app, or a recovery code"`
}

// proposeFactor draws a secret. Nothing is kept before a code proves that an app
// has it.
func (c *call) proposeFactor() (any, error) {
	secret := access.NewFactor()
	return factorOut{ok("put it into an app, then send its code"), secret.Reveal(), access.FactorURI(c.who.user.Name, secret)}, nil
}

func (c *call) setFactor() (any, error) {
	var in factorIn
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if c.who.user.SecondFactor {
		return nil, core.Errorf(core.Conflict, "there is a second factor already; remove it first")
	}
	if err := c.repassword(in.Password); err != nil {
		return nil, err
	}
	secret := core.Secret(strings.TrimSpace(in.Secret))
	if _, err := access.FactorCode(secret, 0); err != nil {
		return nil, err
	}
	step, right := access.FactorStep(secret, in.Code, c.Now(), 0)
	if !right {
		return nil, core.Errorf(core.Invalid, "the code is not the one of this secret; is the clock of the phone right?")
	}
	codes := access.NewRecovery()
	var digests []string
	for _, code := range codes {
		digests = append(digests, access.Digest(code))
	}
	err := c.Store.SetFactor(c, c.who.user.ID, access.Seal(c.Store.Key(), secret), step, digests, c.who.session, c.entry("user.factor", "ok", "a second factor for "+c.who.user.Name))
	return factorSetOut{ok("from now on a login needs a code, too"), codes}, err
}

func (c *call) removeFactor() (any, error) {
	var in factorOffIn
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if err := c.repassword(in.Password); err != nil {
		return nil, err
	}
	if err := c.checkFactor(c.who.user, in.Code); err != nil {
		return nil, err
	}
	err := c.Store.SetFactor(c, c.who.user.ID, "", 0, nil, c.who.session, c.entry("user.factor", "ok", "no second factor any more for "+c.who.user.Name))
	return ok("a login needs the password alone"), err
}

// errWrongPassword is said to who is logged in, and stays so.
var errWrongPassword = core.Errorf(core.Forbidden, "the password is wrong")

// repassword wants the password of who is logged in once more.
func (c *call) repassword(password string) error {
	if c.who.token != nil {
		return core.Errorf(core.Forbidden, "an API token may not change how its user logs in")
	}
	if _, err := c.mayTry(c.who.user.Name); err != nil {
		return err
	}
	_, hash, err := c.Store.UserByName(c, c.who.user.Name)
	if err != nil {
		return err
	}
	right, err := access.Matches(c, hash, password, true)
	if err == nil && !right {
		c.noteFailure(c.who.user.Name, c.ClientIP())
		err = errWrongPassword
	}
	return err
}

// wrongCode does not say whether the code was right a moment ago.
func (c *call) wrongCode() error {
	return &statusError{c.codeStatus(), "the code is wrong, or was used already"}
}

// codeStatus is the status of a code that is wrong or missing. Who is logged in stays
// so: a client takes 401 for the end of its login.
func (c *call) codeStatus() int {
	if c.who.session != "" {
		return http.StatusForbidden
	}
	return http.StatusUnauthorized
}

// useRecovery takes a recovery code, which counts once.
func (c *call) useRecovery(u core.User, code string) error {
	e := core.AuditEntry{At: c.Now(), Actor: "user:" + u.Name, Action: "user.recovery_code", Outcome: "ok", Detail: "used from " + c.ClientIP()}
	known, err := c.Store.UseRecovery(c, u.ID, access.Digest(strings.ToLower(strings.TrimSpace(code))), e)
	if err == nil && !known {
		err = c.wrongCode()
	}
	return err
}

// useCode takes a code of the app, which counts once.
func (c *call) useCode(u core.User, code string) error {
	f, err := c.Store.Factor(c, u.ID)
	if err != nil {
		return err
	}
	secret, err := access.Unseal(c.Store.Key(), f.Sealed)
	if err != nil {
		return err
	}
	step, right := access.FactorStep(secret, code, c.Now(), f.Step)
	if !right {
		return c.wrongCode()
	}
	fresh, err := c.Store.UseStep(c, u.ID, step)
	if err == nil && !fresh {
		err = c.wrongCode()
	}
	return err
}
