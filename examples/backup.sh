#!/bin/sh
# A nightly backup: directories and, when DATABASE is set, a PostgreSQL cluster; then a look at the stored bytes.
#   REPOSITORY=/srv/backup DRKIT_PASSWORD_FILE=/root/drkit.password [DATABASE='host=/run/postgresql'] backup.sh DIRECTORY...
set -u
: "${REPOSITORY:?}" "${DRKIT_PASSWORD_FILE:?}"
drkit=${DRKIT:-drkit}
worst=0

# Exit code 3 is a snapshot with holes: it goes on, and is not forgotten.
run() {
  "$drkit" "$@"
  code=$?
  [ "$code" -le "$worst" ] || worst=$code
}

# Asking needs no list of snapshots to be there; 4 says that there is no repository yet.
"$drkit" snapshots "$REPOSITORY" --quiet >/dev/null 2>&1
[ $? -ne 4 ] || "$drkit" init "$REPOSITORY" || exit

for directory in "$@"; do
  run backup "$REPOSITORY" "$directory" --tag by=backup.sh --progress never
done
[ -z "${DATABASE:-}" ] || run backup "$REPOSITORY" "postgres:$DATABASE" --tag by=backup.sh --progress never
run check "$REPOSITORY" --level objects --sample 10 --progress never
exit "$worst"
