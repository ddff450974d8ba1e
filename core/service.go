package core

// Service is the role of a container in a Supabase stack, whatever it is called
// in the compose file.
type Service string

const (
	DB        Service = "db"
	Auth      Service = "auth"
	Rest      Service = "rest"
	Gateway   Service = "gateway"
	Realtime  Service = "realtime"
	Storage   Service = "storage"
	Imgproxy  Service = "imgproxy"
	Meta      Service = "meta"
	Functions Service = "functions"
	Pooler    Service = "pooler"
	Analytics Service = "analytics"
	Vector    Service = "vector"
	Studio    Service = "studio"

	// Host stands for the machine and its Docker Engine in the service graph.
	Host Service = "host"
)

// Services lists every role, those others depend on first.
var Services = []Service{DB, Auth, Rest, Gateway, Realtime, Storage, Imgproxy, Meta, Functions, Pooler, Analytics, Vector, Studio}
