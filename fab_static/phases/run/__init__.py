"""What every phase is given: the deployment, its journal and lock, the project on its host, and how a build goes."""
