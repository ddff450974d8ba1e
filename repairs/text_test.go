package repairs

import (
	"testing"
)

// TestLibraryFunctions holds the functions with budgets to what Lua 5.1 does.
func TestLibraryFunctions(t *testing.T) {
	tests := map[string]struct{ expression, want string }{
		"find plain":           {`join(('a.b'):find('.', 1, true))`, "2,2"},
		"find from":            {`join(('aXaX'):find('X', 3))`, "4,4"},
		"find from the end":    {`join(('aXaX'):find('X', -1))`, "4,4"},
		"find nothing":         {`join(('abc'):find('x'))`, "nil"},
		"find empty":           {`join(('abc'):find(''))`, "1,0"},
		"find captures":        {`join(('key=val'):find('(%w+)=(%w+)'))`, "1,7,key,val"},
		"match":                {`join(('role "auth" denied'):match('role "(.-)"'))`, "auth"},
		"match whole":          {`join(('x 42 y'):match('%d+'))`, "42"},
		"match anchored":       {`join(('x42'):match('^%d+'))`, "nil"},
		"match at the end":     {`join(('x42'):match('%d+$'))`, "42"},
		"match position":       {`join(('hello'):match('()ll()'))`, "3,5"},
		"match balanced":       {`join(('f(a(b)c)d'):match('%b()'))`, "(a(b)c)"},
		"match frontier":       {`join(('THE (quick) fox'):match('%f[%a]%l+'))`, "quick"},
		"match again":          {`join(('say "it\'s"'):match('(["\'])(.-)%1'))`, `",it's`},
		"match optional":       {`join(('https://x'):match('https?://(.*)'))`, "x"},
		"match set":            {`join(('a-b_c'):match('[%w_-]+'))`, "a-b_c"},
		"match complement":     {`join(('abc;'):match('[^;]+'))`, "abc"},
		"match bracket in set": {`join(('a]b'):match('[]]'))`, "]"},
		"match opposite class": {`join(('12ab'):match('%D+'))`, "ab"},
		"match zero":           {`join(('a\0b'):match('%z'):byte())`, "0"},
		"gmatch":               {`(function() local r = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do r[#r+1] = k .. v end return table.concat(r, '|') end)()`, "a1|b2"},
		"gmatch empty":         {`(function() local n = 0 for _ in ('abc'):gmatch('x*') do n = n + 1 end return tostring(n) end)()`, "4"},
		"gsub text":            {`join(('hello world'):gsub('o', '0'))`, "hell0 w0rld,2"},
		"gsub limit":           {`join(('aaa'):gsub('a', 'b', 2))`, "bba,2"},
		"gsub captures":        {`join(('a b'):gsub('(%w) (%w)', '%2 %1 %0 %%'))`, "b a a b %,1"},
		"gsub table":           {`join(('$x $y'):gsub('%$(%w)', {x = '1'}))`, "1 $y,2"},
		"gsub function":        {`join(('abc'):gsub('%w', function(c) if c == 'b' then return 'B' end end))`, "aBc,3"},
		"gsub empty match":     {`join(('abc'):gsub('', '-'))`, "-a-b-c-,4"},
		"gsub anchored":        {`join(('aab'):gsub('^a', 'x'))`, "xab,1"},
		"byte":                 {`join(('AB'):byte(1, -1))`, "65,66"},
		"byte outside":         {`join(('AB'):byte(5))`, ""},
		"rep":                  {`join(('ab'):rep(3), ('x'):rep(0), ('x'):rep(-1))`, "ababab,,"},
		"format":               {`string.format('%5d|%-5s|%05.1f|%x|%q|%c|%i%%', 42, 'ab', 3.14159, 255, 'a"b', 65, 7)`, `   42|ab   |003.1|ff|"a\"b"|A|7%`},
		"format number":        {`string.format('%s %s', 1, true)`, "1 true"},
		"concat":               {`table.concat({1, 'a', 2}, '-')`, "1-a-2"},
		"concat part":          {`table.concat({'a', 'b', 'c', 'd'}, '', 2, 3)`, "bc"},
		"sort":                 {`(function() local t = {3, 1, 2} table.sort(t) return table.concat(t) end)()`, "123"},
		"sort by":              {`(function() local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) return table.concat(t) end)()`, "321"},
		"sorted keys":          {`table.concat(sorted_keys({b = 1, ['a.yml'] = 2, B = 3}), ' ')`, "B a.yml b"},
		"sorted keys of none":  {`tostring(#sorted_keys({}))`, "0"},
		"sorted numbers":       {`join(pcall(sorted_keys, {'a'}))`, "false,x.lua:8: sorted_keys: a key is a number, not a string"},
		"insert":               {`(function() local t = {'a', 'c'} table.insert(t, 2, 'b') table.insert(t, 'd') return table.concat(t) end)()`, "abcd"},
		"unpack":               {`join(unpack({1, 2, 3}, 2))`, "2,3"},
		"tostring":             {`join(tostring(nil), tostring({}), tostring(t.env.POSTGRES_PASSWORD))`, "nil,table,secret env:POSTGRES_PASSWORD"},
		"pairs in order":       {`(function() local r = {} for k in pairs(t.services.auth) do r[#r+1] = k end return table.concat(r, ',') end)()`, "compose_service,state"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			actions, _, err := evaluateBody(t.Context(), t, `
				local function join(...)
					local r = {}
					for i = 1, select('#', ...) do r[i] = tostring((select(i, ...))) end
					return table.concat(r, ',')
				end
				return {{op='note', text=`+tt.expression+`}}`)
			if err != nil {
				t.Fatal(err)
			}
			if got := actions[0].Text("text"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
