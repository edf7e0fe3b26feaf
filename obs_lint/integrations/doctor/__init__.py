"""What in a repository would defeat obs-lint: settings of its neighbours under which findings are lost or hidden."""
