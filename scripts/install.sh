#!/bin/sh
# Installs Flame from this checkout into a folder of its own, a FLAME_HOME: docs/installation.md.
set -eu

default_prefix=/usr/local/flame
usage="usage: scripts/install.sh [--prefix DIR] [--operators GROUP]

Installs Flame from this checkout, or upgrades an installation in place. The configuration (DIR/conf) and the data
(DIR/data, DIR/logs) of an earlier one stay as they are; so does what you added to DIR/work/flmrun, or it is listed before
anything is changed. The installation needs nothing of the checkout any more.

  --prefix DIR   absolute path of the installation, its FLAME_HOME (default: $default_prefix)
  --operators GROUP
                 users of this group may call daemons that run as another user; written into DIR/conf/flame-cluster.yaml
                 when there is none (default: the daemons' own user and root)
  --help         print this text

Needed: Node.js 20.19 or newer with npm, Python 3.12 or newer, and a C++ compiler with make.

  FLAME_PYTHON   path of the Python that services run on (default: the first 3.12 or newer that runs)"

# What is wrong, and what to do: on stderr, like every error.
refuse() {
  printf 'Error: %s\n' "$1" >&2
  exit "${2:-1}"
}
misuse() {
  refuse "$1
What to do: see scripts/install.sh --help" 2
}

prefix=$default_prefix
operators=
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      printf '%s\n' "$usage"
      exit 0
      ;;
    --prefix)
      [ $# -ge 2 ] || misuse "--prefix: got no folder, expected an absolute path"
      prefix=$2
      shift
      ;;
    --prefix=*) prefix=${1#--prefix=} ;;
    --operators)
      [ $# -ge 2 ] && [ -n "$2" ] || misuse "--operators: got no group, expected the name of a group of /etc/group"
      operators=$2
      shift
      ;;
    --operators=*) operators=${1#--operators=} ;;
    *) misuse "$1: unknown argument, expected --prefix DIR or --operators GROUP" ;;
  esac
  shift
done

case $prefix in
  "") misuse "--prefix: got no folder, expected an absolute path" ;;
  *[!A-Za-z0-9._/+@-]*)
    misuse "--prefix $prefix: expected letters, digits and . _ + @ - / only: the path is written into scripts and units" ;;
  /*) ;;
  *) misuse "--prefix $prefix: expected an absolute path, such as $(pwd)/$prefix" ;;
esac

node_help="What to do: install Node.js 20.19 or newer with npm, and run the same command again."
command -v node >/dev/null || refuse "node was not found on PATH
$node_help"
command -v npm >/dev/null || refuse "npm was not found on PATH; node is $(command -v node)
$node_help"

# Daemons may run as another user: what is installed is readable to all.
umask 022
exec node "$(dirname "$0")/install.mjs" "$prefix" "$operators"
