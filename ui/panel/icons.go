package panel

import "html/template"

// icons are drawn on 16 × 16 with a line of the text's colour.
var icons = map[string]string{
	"healthy":    `<circle cx="8" cy="8" r="6.25"/><path d="m5.2 8.2 2 2 3.7-4.2"/>`,
	"degraded":   `<path d="M8 2.2 14.3 13.3H1.7Z"/><path d="M8 6.4v3.2M8 11.4v.1"/>`,
	"unhealthy":  `<path d="M5.4 1.75h5.2l3.65 3.65v5.2l-3.65 3.65H5.4L1.75 10.6V5.4Z"/><path d="m5.9 5.9 4.2 4.2m0-4.2-4.2 4.2"/>`,
	"unknown":    `<circle cx="8" cy="8" r="6.25" stroke-dasharray="2.4 1.9"/><path d="M6.3 6.4c0-2.3 3.5-2.2 3.5 0 0 1.4-1.8 1.4-1.8 2.9M8 11.3v.1"/>`,
	"info":       `<circle cx="8" cy="8" r="6.25"/><path d="M8 7.4v3.6M8 5v.1"/>`,
	"running":    `<path d="M13.9 8A5.9 5.9 0 1 1 8 2.1"/>`,
	"fleet":      `<rect x="1.9" y="2.4" width="12.2" height="4.4" rx="1"/><rect x="1.9" y="9.2" width="12.2" height="4.4" rx="1"/><path d="M4.4 4.6h.1M4.4 11.4h.1"/>`,
	"playbooks":  `<path d="M3 2.4h7.2a2 2 0 0 1 2 2v9.2H5a2 2 0 0 1-2-2Z"/><path d="M5.6 5.5h4M5.6 8.2h4"/>`,
	"security":   `<path d="M8 1.7 13.2 3.6v4.1c0 3.2-2.1 5.3-5.2 6.6-3.1-1.3-5.2-3.4-5.2-6.6V3.6Z"/><path d="m5.8 7.9 1.6 1.6 2.9-3.1"/>`,
	"audit":      `<path d="M3.2 1.9h6.6l3 3v9.2H3.2Z"/><path d="M5.6 7.2h4.8M5.6 9.6h4.8M5.6 12h2.6"/>`,
	"quarantine": `<path d="M2 3.2h12v3H2Z"/><path d="M3.1 6.2v7.4h9.8V6.2M6.2 9h3.6"/>`,
	"users":      `<circle cx="6" cy="5.2" r="2.6"/><path d="M1.5 13.7c.2-2.9 1.9-4.4 4.5-4.4s4.3 1.5 4.5 4.4M10.5 2.9a2.5 2.5 0 0 1 0 4.7M12.2 9.8c1.4.6 2.2 1.9 2.3 3.9"/>`,
	"tokens":     `<circle cx="5" cy="11" r="3"/><path d="m7.2 8.8 6-6M10.8 5.2l2 2"/>`,
	"settings":   `<path d="M2 4.4h6.4M12 4.4h2M2 11.6h2M7.6 11.6H14"/><circle cx="10.2" cy="4.4" r="1.8"/><circle cx="5.8" cy="11.6" r="1.8"/>`,
	"about":      `<circle cx="8" cy="8" r="6.25"/><path d="M8 7.4v3.6M8 5v.1"/>`,
	"search":     `<circle cx="7" cy="7" r="4.6"/><path d="m10.4 10.4 3.6 3.6"/>`,
	"plus":       `<path d="M8 2.8v10.4M2.8 8h10.4"/>`,
	"chevron":    `<path d="m6 3.5 4.5 4.5L6 12.5"/>`,
	"down":       `<path d="m3.5 6 4.5 4.5L12.5 6"/>`,
	"up":         `<path d="M8 13.4V2.8M3.6 7.2 8 2.8l4.4 4.4"/>`,
	"menu":       `<path d="M2 4.2h12M2 8h12M2 11.8h12"/>`,
	"close":      `<path d="m3.5 3.5 9 9m0-9-9 9"/>`,
	"pulse":      `<path d="M1.5 8.4h3l2-5 3 9.2 2-4.2h3"/>`,
	"wrench":     `<path d="M13.6 4.3a3.7 3.7 0 0 1-4.9 4.6l-4.2 4.6a1.5 1.5 0 0 1-2.1-2.1l4.7-4.2a3.7 3.7 0 0 1 4.6-4.8L9.4 4.7l.4 1.6 1.6.4Z"/>`,
	"undo":       `<path d="M5.5 2.8 2.3 6l3.2 3.2"/><path d="M2.5 6h6.7a4.2 4.2 0 0 1 0 8.2H6.6"/>`,
	"clock":      `<circle cx="8" cy="8" r="6.25"/><path d="M8 4.4V8l2.5 1.6"/>`,
	"snapshot":   `<path d="M2 4.8h2.9L6 3h4l1.1 1.8H14v8.4H2Z"/><circle cx="8" cy="8.7" r="2.4"/>`,
	"logs":       `<path d="M2.2 3.6h7M2.2 6.6h11.6M2.2 9.6h9M2.2 12.6h5.4"/>`,
	"config":     `<path d="M2 4.4h6.4M12 4.4h2M2 11.6h2M7.6 11.6H14"/><circle cx="10.2" cy="4.4" r="1.8"/><circle cx="5.8" cy="11.6" r="1.8"/>`,
	"history":    `<path d="M2.2 2.4v11.2h11.6"/><path d="m4.4 10.2 2.6-3 2.2 1.8 3.8-4.6"/>`,
	"changes":    `<circle cx="4" cy="4" r="1.8"/><circle cx="4" cy="12" r="1.8"/><circle cx="12" cy="8" r="1.8"/><path d="M4 5.8v4.4M5.7 4.6c2.6.6 2.6 2.8 4.5 3.2"/>`,
	"copy":       `<rect x="5.4" y="5.4" width="8.4" height="8.4" rx="1.2"/><path d="M10.6 5.2V3.4a1.2 1.2 0 0 0-1.2-1.2h-6a1.2 1.2 0 0 0-1.2 1.2v6a1.2 1.2 0 0 0 1.2 1.2h1.8"/>`,
	"power":      `<path d="M8 1.8v5.6"/><path d="M11.6 3.9a5.4 5.4 0 1 1-7.2 0"/>`,
	"external":   `<path d="M6.4 3.2H2.8v10h10V9.6M9.2 2.4h4.4v4.4M13.2 2.8 7.4 8.6"/>`,
	"eye":        `<path d="M1.3 8S3.6 3.6 8 3.6 14.7 8 14.7 8 12.4 12.4 8 12.4 1.3 8 1.3 8Z"/><circle cx="8" cy="8" r="1.9"/>`,
	"lock":       `<rect x="3" y="7" width="10" height="6.8" rx="1.2"/><path d="M5.2 6.8V4.9a2.8 2.8 0 0 1 5.6 0v1.9"/>`,
	"calendar":   `<rect x="2.2" y="3" width="11.6" height="10.8" rx="1.2"/><path d="M2.4 6.4h11.2M5.2 1.6v2.6M10.8 1.6v2.6"/>`,
	"sun":        `<circle cx="8" cy="8" r="2.8"/><path d="M8 1.2v1.6M8 13.2v1.6M1.2 8h1.6M13.2 8h1.6M3.2 3.2l1.1 1.1M11.7 11.7l1.1 1.1M12.8 3.2l-1.1 1.1M4.3 11.7l-1.1 1.1"/>`,
	"leave":      `<path d="M9.4 2.6H3v10.8h6.4M6.6 8h7.2M11.4 5.4 14 8l-2.6 2.6"/>`,
}

// icon is one of the icons; what it means is always said in words beside it, so
// readers skip it.
func icon(name string) template.HTML {
	return template.HTML(`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">` + icons[name] + `</svg>`) //nolint:gosec // both come from this file
}
