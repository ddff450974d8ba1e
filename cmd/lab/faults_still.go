package main

// stillFaults are those that the stack's files show, while the containers go on
// as before.
func stillFaults() []fault {
	return []fault{
		edited("CFG-01", "A line of the compose file begins with a tab, so Compose cannot read the file.", nil,
			[]swap{{composeFile, "\nnetworks:\n", "\n\tnetworks:\n"}}),
		edited("CFG-02", "The restart policy of imgproxy is one that Docker does not have.", nil,
			[]swap{{composeFile, "  imgproxy:\n    <<: *lab\n", "  imgproxy:\n    <<: *lab\n    restart: sometimes\n"}}),
		edited("DK-01", "The compose file names a container as upstream's does, which a second stack on the host cannot.", nil,
			[]swap{{composeFile, "container_name: ${STACK_NAME}-imgproxy", "container_name: supabase-imgproxy"}}),
		edited("ST-12", "The compose file now keeps storage's files in S3, and storage still runs with the folder.", nil,
			[]swap{{composeFile, "STORAGE_BACKEND: file", "STORAGE_BACKEND: s3"}}),
		environOf("PG-05", "The files name an image of PostgreSQL 17, and the data folder is that of 15.", nil, func(b *bench) (map[string]string, error) {
			return map[string]string{"LAB_IMAGE_POSTGRES": b.lab.prefix + "/postgres:17.6.1.136"}, nil
		}),
		placed("AUTH-11", "The stack's record says release 0.6.0, in which API_EXTERNAL_URL did not end in /auth/v1.", ".supabase-version", "v0.6.0\n"),
		placed("UPG-08", "Upstream's script for the upgrade to PostgreSQL 17 lies in the folder, and other stacks run beside this one.", "utils/upgrade-pg17.sh", "#!/bin/sh\n"),
		placed("UPG-10", "The copy from before an upgrade of PostgreSQL lies where a second try deletes it.", "volumes/db/data.bak.pg15/", ""),
	}
}
