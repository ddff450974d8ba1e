package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// editsFile gives a file of the stack another text by an approved plan, which is
// no plan of a third text. What the stack does not live with is taken back.
func (c *stackCaller) editsFile(secrets map[string]string) {
	c.t.Helper()
	t, file := c.t, filepath.Join(c.p.folder(c.stack), ".env")
	before := c.p.file(file)
	secrets["API_KEY of nobody"] = "a-pl4nted+key/of-nobody"
	good := answer{"file": ".env", "text": string(before) + "OWN_API_KEY=" + secrets["API_KEY of nobody"] + "\n"}
	c.want(http.StatusBadRequest, "PUT", c.base+"/config/file", good)
	c.want(http.StatusBadRequest, "POST", c.base+"/config/file/plan", answer{"file": ".env", "text": "SITE_URL='http"})
	c.want(http.StatusBadRequest, "POST", c.base+"/config/file/plan", answer{"file": "../../etc/passwd", "text": "x"})
	good["plan_hash"] = at(c.want(http.StatusOK, "POST", c.base+"/config/file/plan", good), "plan", "plan_hash")
	c.want(http.StatusConflict, "PUT", c.base+"/config/file", answer{"file": ".env", "text": string(before) + "OWN_API_KEY=c\n", "plan_hash": good["plan_hash"]})
	done := c.ended(c.want(http.StatusAccepted, "PUT", c.base+"/config/file", good), "committed")
	if string(c.p.file(file)) != good["text"] {
		t.Error("the .env has not the text that it was given")
	}
	c.ended(c.want(http.StatusAccepted, "POST", at(done, "change_url").(string)+"/undo", nil), "committed")
	if inAll.now() {
		bad := answer{"file": ".env", "text": strings.Replace(string(before), "POSTGRES_HOST=db\n", "POSTGRES_HOST=nowhere\n", 1)}
		bad["plan_hash"] = at(c.want(http.StatusOK, "POST", c.base+"/config/file/plan", bad), "plan", "plan_hash")
		c.ended(c.want(http.StatusAccepted, "PUT", c.base+"/config/file", bad), "rolled_back")
	}
	if !bytes.Equal(before, c.p.file(file)) {
		t.Error("the .env is not what it was")
	}
}

// audits looks at all stacks of the host together. Other tests break theirs
// meanwhile, so only what is said of this one counts.
func (c *stackCaller) audits() {
	c.t.Helper()
	a := c.want(http.StatusOK, "GET", "/api/instances/audit", nil)
	list, _ := a["concerns"].([]any)
	if len(list) != len(concerns) || a["stacks"].(float64) < 1 {
		c.t.Fatalf("the audit: %v", a)
	}
	for i := range list {
		for _, f := range at(list[i], "findings").([]any) {
			if at(f, "stack") == c.stack {
				c.t.Errorf("%v of a healthy stack: %v", at(list[i], "concern"), f)
			}
		}
	}
}

// clones plans a clone and keeps nothing for it, refuses a plan that is not the
// approved one, and, when there is time, makes the clone and deletes it.
func (c *stackCaller) clones() {
	c.t.Helper()
	t, name := c.t, c.stack+"-api"
	order := answer{"name": name, "images": imagePrefix(), "schema_only": true}
	c.want(http.StatusBadRequest, "POST", c.base+"/clone/plan", answer{"name": name, "postgres": 17, "images": order["images"]})
	c.want(http.StatusConflict, "POST", c.base+"/clone/plan", answer{"name": c.stack, "images": order["images"]})
	c.want(http.StatusBadRequest, "POST", c.base+"/clone", order)
	plan := c.want(http.StatusOK, "POST", c.base+"/clone/plan", order)["plan"]
	if again := c.want(http.StatusOK, "POST", c.base+"/clone/plan", order)["plan"]; at(again, "plan_hash") != at(plan, "plan_hash") {
		t.Errorf("what was planned is kept: %v, then %v", at(plan, "diff"), at(again, "diff"))
	}
	order["plan_hash"] = strings.Repeat("0", 64)
	c.want(http.StatusConflict, "POST", c.base+"/clone", order)
	if !inAll.now() {
		return
	}
	engineErasing(t, name)
	order["plan_hash"] = at(plan, "plan_hash")
	done := c.ended(c.want(http.StatusAccepted, "POST", c.base+"/clone", order), "committed")
	if at(done, "change", "instance_id") != name && at(done, "change", "instance") != name {
		t.Errorf("the change: %v", done["change"])
	}
	if a := c.want(http.StatusOK, "GET", "/api/instances/"+name+"/diagnostics/auth_service", nil); at(a, "result", "healthy") != true {
		t.Errorf("the clone: %v", a)
	}
	c.ended(c.want(http.StatusAccepted, "DELETE", "/api/instances/"+name, nil), "committed")
	if err := os.RemoveAll(filepath.Join(c.p.data, "instances")); err != nil { // a deletion leaves the data
		t.Error(err)
	}
}
