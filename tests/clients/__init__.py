"""The files of examples/, as their users use them: real apt and real cloud-init, against servers on the loopback."""
