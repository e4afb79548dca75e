"""samba-tool without the access control lists of sysvol.

The lab serves no files, and setting these lists needs more rights than root of a user namespace has.
"""

import sys

import samba.provision
from samba.netcmd.main import cmd_sambatool

samba.provision.setsysvolacl = lambda *arguments, **options: None
sys.exit(cmd_sambatool()._run("samba-tool", *sys.argv[1:]))
