# What is done in the guest to install a service. It comes after guest.sh and uses what is there. Every function can be called
# twice, and a run that was killed anywhere is finished by the next one.
#
# $installing   the folder with a mark for each installation that has begun and not ended; it outlives a boot
# $mark   that of this one; it says what was made (note_made)
# refresh_packages, install_packages   the commands of the package manager, which script.rs puts before the call
# shellcheck shell=sh
# shellcheck disable=SC2154  # these variables come from script.rs and guest.sh

# check_installation SERVICE DISK MEMORY PROCESSORS PORTS RULES FOLDERS FILES PLACES: fails where the guest lacks what the service needs, or
# one of the FILES is there: they are of other installations. PORTS are as 6443:192B, RULES the file of those of SELinux, FOLDERS written
# in, PLACES those of the files that are installed.
check_installation() {
    mark=$installing/installing-$1
    [ -d /run/systemd/system ] || failed install 'no-systemd' ''
    for d in $7 "$installing"; do is_writable "$d" || failed install "read-only ${d:-/}" ''; done
    # What this program has begun itself is no other installation, and has taken its part of the disk.
    if [ ! -e "$mark" ]; then
        has_disk "$2" /var
        has_disk "$2" /usr
        has_memory "$3"
        has_processors "$4"
        for f in $8; do [ ! -e "$f" ] || failed install "other $f" ''; done
        for p in $5; do ! is_listened_at "${p#*:}" || failed install "port ${p%:*}" ''; done
        [ -z "$6" ] || [ -e "$6" ] || ! enforces_selinux || failed install "selinux $6" ''
    fi
    for f in $9; do must_be_own "$f"; done
}

# begin_installation ARGUMENT…: as check_installation. Changes nothing but the mark, which is there until all is done.
begin_installation() {
    # What was pushed is pushed again by the next run.
    trap 'remove_incoming "${mark##*/installing-}"' EXIT
    check_installation "$@"
    if [ ! -e "$mark" ]; then
        is_first=yes
        put "$mark" '# service-manager'
    fi
    # Whether it is there is no secret.
    chmod 0755 "$installing"
}

finish_installation() {
    label_made
    remove_incoming "$1"
    rm -f "$installing/installing-$1"
    rmdir "$installing" 2>/dev/null || :
}

# remove_incoming SERVICE: what was pushed for it (push.rs), and what a run that was killed has left of any service a day ago.
remove_incoming() (
    set +f
    for f in "$installing/incoming-$1"-*; do
        r=${f#"$installing/incoming-$1-"}
        case $r in
            # Of a service whose name only begins so.
            *[!0-9a-f.]*) ;;
            # It arrives, as long as the one who writes it lives.
            *.*) kill -0 "${r#*.}" 2>/dev/null || rm -f "$f" ;;
            *) rm -f "$f" ;;
        esac
    done
    find "$installing" -name 'incoming-*' -mtime +0 -exec rm -f {} + 2>/dev/null
    rmdir "$installing" 2>/dev/null || :
)

# note_made SUM PATH: writes into the mark that this program makes a file with that sum there, or a folder, for which it is `folder`. It is
# on the disk before that is.
note_made() {
    ! is_noted "$1 $2" || return 0
    put "$mark" "$(cat "$mark" 2>/dev/null)
$1 $2"
    sync "$mark" 2>/dev/null || sync
}

is_noted() { grep -qxF "$1" "$mark" 2>/dev/null; }

# must_be_own FILE: fails where somebody else has put something, or has changed what this program has.
must_be_own() {
    [ -e "$1" ] || [ -L "$1" ] || return 0
    if [ -f "$1" ] && [ ! -L "$1" ] && is_noted "$(sum_of "$1") $1"; then return 0; fi
    failed install "foreign $1" ''
}

# Lets SELinux know what was made: the rules of a service have labels for its files.
label_made() {
    command -v restorecon >/dev/null || return 0
    while read -r k f; do
        case $f in /*) e=$(restorecon -R "$f" 2>&1 </dev/null) || ! enforces_selinux || failed file "$f" "$e" ;; esac
    done <"$mark"
}

enforces_selinux() { [ "$(cat /sys/fs/selinux/enforce 2>/dev/null)" = 1 ]; }

# is_writable FOLDER: it, or the one in which it will be made.
is_writable() {
    d=$1
    while [ -n "$d" ] && [ ! -e "$d" ]; do d=${d%/*}; done
    [ -d "${d:-/}" ] && [ -w "${d:-/}" ]
}

# is_listened_at PORT: as in /proc/net/tcp, of which the lines with 0A are about those who listen.
is_listened_at() { grep -hs ' 0A ' /proc/net/tcp /proc/net/tcp6 | grep -q "^ *[0-9]*: [0-9A-F]*:$1 "; }

# has_disk MEGABYTES FOLDER
has_disk() {
    a=$(df -Pk "$2" 2>/dev/null | sed -n '$s/.* \([0-9][0-9]*\)  *[0-9]*% .*/\1/p')
    [ "$((${a:-0} / 1000))" -ge "$1" ] || failed install "disk $1 $((${a:-0} / 1000))" ''
}

# has_memory MEGABYTES: a kernel keeps some of it for itself.
has_memory() {
    a=$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
    [ "$((${a:-0} / 900))" -ge "$1" ] || failed install "memory $1 $((${a:-0} / 1000))" ''
}

has_processors() {
    a=$(getconf _NPROCESSORS_ONLN 2>/dev/null)
    [ "${a:-1}" -ge "$1" ] || failed install "processors $1 ${a:-1}" ''
}

# Lets the package manager use the proxy that `start --proxy` has set before. That file is data: nothing in it is run.
known_proxy() {
    [ -r "$settings/proxy.env" ] || return 0
    while IFS='=' read -r k v; do
        v=${v#\"}
        v=${v%\"}
        case $k in
            http_proxy) export http_proxy="$v" ;;
            https_proxy) export https_proxy="$v" ;;
            no_proxy) export no_proxy="$v" ;;
        esac
    done <"$settings/proxy.env"
}

# packages_by_apt: reads the lists only where a package is not found or cannot be fetched by those that are there, and finishes what
# dpkg was killed at.
packages_by_apt() {
    # As for the command that installs: nothing is asked and nothing restarted.
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
    tried=
    until in_turn install_packages; do
        case $o in
            *'dpkg was interrupted'* | *'--fix-broken'* | *'-f install'*) next=repair ;;
            *'Unable to locate package'* | *'no installation candidate'* | *'Unable to fetch'* | *'Failed to fetch'* | *'could not be parsed'*) next=refresh ;;
            *) packages_refused ;;
        esac
        case $tried in *"$next"*) packages_refused ;; esac
        tried="$tried $next"
        if [ "$next" = repair ]; then
            in_turn repair_apt || packages_failed repair
        else
            frame progress 'lists'
            # A list that cannot be read may be one that is not needed.
            if ! in_turn refresh_packages; then
                lists=$o
                in_turn install_packages || { o=$lists; packages_failed lists; }
                return 0
            fi
        fi
    done
}

repair_apt() {
    dpkg --force-confold --configure -a && apt-get --yes --no-remove -o Dpkg::Options::=--force-confold --fix-broken install
}

# packages_by_another: with dnf or zypper, which read old lists by themselves. Whatever fails may be for the want of newer ones.
packages_by_another() {
    in_turn install_packages && return 0
    frame progress 'lists'
    if in_turn refresh_packages; then
        in_turn install_packages || packages_refused
    else
        lists=$o
        in_turn install_packages || { o=$lists; packages_failed lists; }
    fi
}

# $asked   the package manager and the packages, which script.rs puts before the call
packages_refused() { packages_failed "install $asked"; }

packages_failed() {
    # Then nothing has been changed, and what somebody else installs is no half of this.
    if [ "$1" = lists ] && [ -n "$is_first" ]; then
        rm -f "$mark"
        rmdir "$installing" 2>/dev/null || :
    fi
    failed install "packages $1" "$(printf '%s\n' "$o" | tail -n 20 | tail -c 8192)"
}
is_first=

# in_turn FUNCTION: calls it again for as long as another program holds the package manager's lock; what it says last is in $o.
in_turn() {
    while :; do
        if o=$("$1" 2>&1); then return 0; fi
        # A lock that cannot be opened is another matter.
        case $o in
            *'Could not get lock'* | *'frontend lock was locked'*) ;;
            *'already locked by '* | *'System management is locked by '*) ;;
            *) return 1 ;;
        esac
        if [ -z "$has_waited" ]; then
            has_waited=yes
            frame progress "locked $(printf '%s\n' "$o" | sed -n -e 's/.*held by process [0-9]* (\([^)]*\)).*/\1/p' -e 's/.*locked by the application with pid [0-9]* (\([^)]*\)).*/\1/p' -e 's/.*application with PID [0-9]* is: //p' | head -n 1)"
        fi
        [ "$(($(uptime_seconds) - waits_since))" -lt "$patience" ] || failed install 'locked' "$o"
        sleep 1
    done
}
has_waited=

# The clock of a machine that boots may be set meanwhile; this one only goes on.
uptime_seconds() { sed 's/[. ].*//' /proc/uptime; }
waits_since=$(uptime_seconds)

# join_group GROUP USER
join_group() {
    case " $(id -nG "$2" 2>/dev/null) " in *" $1 "*) return 0 ;; esac
    o=$(usermod --append --groups "$1" -- "$2" 2>&1) || failed install "group $1" "$o"
}

# place_file SHA256 PLACE MODE: puts the file with that sum into its place, whole or not at all.
place_file() {
    must_be_own "$2"
    if ! has_sum "$2" "$1"; then
        i=$installing/incoming-${mark##*/installing-}-$1
        has_sum "$i" "$1" || failed install 'transfer' ''
        put_whole "$1" "$2" "$3" cp "$i"
    fi
    e=$(chmod "$3" "$2" 2>&1) || failed file "$2" "$e"
}

# write_file PLACE MODE TEXT: writes it below a line that says whose it is.
write_file() {
    must_be_own "$1"
    t="# service-manager
$3"
    w=$(printf '%s\n' "$t" | sha256sum)
    has_sum "$1" "${w%% *}" || put_whole "${w%% *}" "$1" "$2" write_text "$t"
    e=$(chmod "$2" "$1" 2>&1) || failed file "$1" "$e"
    # Even where it was there: the one who wrote it may have been killed before this.
    case $1 in "$units"/*) systemctl daemon-reload ;; esac
}

# write_text TEXT FILE
write_text() { printf '%s\n' "$1" >"$2"; }

# sum_of FILE
sum_of() {
    c=$({ sha256sum <"$1"; } 2>/dev/null)
    echo "${c%% *}"
}

# has_sum FILE SHA256
has_sum() { [ "$(sum_of "$1")" = "$2" ]; }

# put_whole SHA256 PLACE MODE COMMAND…: puts what the command makes of the path that is added to it into its place, on the disk.
put_whole() {
    s=$1 p=$2 m=$3
    shift 3
    note_folder "${p%/*}"
    note_made "$s" "$p"
    remove_parts "$p"
    if e=$({ (umask 022; mkdir -p "${p%/*}") && (umask 077; "$@" "$p.new.$$"); } 2>&1); then
        sync "$p.new.$$" 2>/dev/null || sync
        e=$({ chmod "$m" "$p.new.$$" && move_over "$p.new.$$" "$p"; } 2>&1) && return 0
    fi
    rm -f "$p.new.$$"
    failed file "$p" "$e"
}

# note_folder FOLDER: notes the first one of its path that has to be made.
note_folder() {
    d=$1 f=
    while [ -n "$d" ] && [ ! -e "$d" ]; do f=$d d=${d%/*}; done
    [ -z "$f" ] || note_made folder "$f"
}

# move_over FILE PLACE: never into it, should it be a folder by now. An old `mv` does not know -T.
move_over() { mv -fT "$1" "$2" 2>/dev/null || { [ ! -d "$2" ] && mv -f "$1" "$2"; }; }
