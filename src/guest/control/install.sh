# What is done in the guest to install a service. It comes after guest.sh and uses what is there. Every function can be called
# twice, and a run that was killed anywhere is finished by the next one.
#
# $installing   the folder with a mark for each installation that has begun and not ended; it outlives a boot
# refresh_packages, install_packages   the commands of the package manager, which script.rs puts before the call
# shellcheck shell=sh
# shellcheck disable=SC2154  # these variables come from script.rs and guest.sh

# check_installation SERVICE DISK MEMORY PROCESSORS PORTS RULES FOLDERS FILES: fails where the guest lacks what the service needs, or one
# of the FILES is there: they are of other installations. PORTS are as 6443:192B, RULES the file of those of SELinux, FOLDERS written in.
check_installation() {
    mark=$installing/installing-$1
    [ -d /run/systemd/system ] || failed install 'no-systemd' ''
    for d in $7 "$installing"; do is_writable "$d" || failed install "read-only $d" ''; done
    # What this program has begun itself is no other installation, and has taken its part of the disk.
    [ ! -e "$mark" ] || return 0
    has_disk "$2" /var
    has_disk "$2" /usr
    has_memory "$3"
    has_processors "$4"
    for f in $8; do [ ! -e "$f" ] || failed install "other $f" ''; done
    for p in $5; do ! is_listened_at "${p#*:}" || failed install "port ${p%:*}" ''; done
    [ -z "$6" ] || [ -e "$6" ] || [ "$(cat /sys/fs/selinux/enforce 2>/dev/null)" != 1 ] || failed install "selinux $6" ''
}

# begin_installation ARGUMENT…: as check_installation. Changes nothing but the mark, which is there until all is done.
begin_installation() {
    check_installation "$@"
    [ -e "$mark" ] || is_first=yes
    put "$mark" '# service-manager'
    # Whether it is there is no secret.
    chmod 0755 "$installing"
}

finish_installation() {
    rm -f "$installing/installing-$1"
    remove_incoming
    rmdir "$installing" 2>/dev/null || :
}

# What was pushed (push.rs) and is not needed any more.
remove_incoming() (
    set +f
    rm -f "$installing"/incoming-*
)

# is_writable FOLDER: it, or the one in which it will be made.
is_writable() {
    d=$1
    while [ ! -e "$d" ]; do d=${d%/*}; done
    [ -w "${d:-/}" ]
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
            *) packages_failed install ;;
        esac
        case $tried in *"$next"*) packages_failed install ;; esac
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
        in_turn install_packages || packages_failed install
    else
        lists=$o
        in_turn install_packages || { o=$lists; packages_failed lists; }
    fi
}

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
    if ! has_sum "$2" "$1"; then
        i=$installing/incoming-$1
        has_sum "$i" "$1" || failed install 'transfer' ''
        remove_parts "$2"
        if ! e=$({ (umask 022; mkdir -p "${2%/*}") && (umask 077; cp "$i" "$2.new.$$"); } 2>&1); then
            rm -f "$2.new.$$"
            failed file "$2" "$e"
        fi
        finish_file "$2" "$3"
    fi
    e=$(chmod "$3" "$2" 2>&1) || failed file "$2" "$e"
}

# has_sum FILE SHA256
has_sum() {
    case $({ sha256sum <"$1"; } 2>/dev/null) in "$2 "*) return 0 ;; esac
    return 1
}

# write_file PLACE MODE TEXT: writes it below a line that says whose it is; what somebody else has written is left alone.
write_file() {
    t="# service-manager
$3"
    if [ -e "$1" ] && [ "$(sed 1q "$1" 2>/dev/null)" != '# service-manager' ]; then failed install "foreign $1" ''; fi
    if ! has_text "$1" "$t"; then
        remove_parts "$1"
        if ! e=$({ (umask 022; mkdir -p "${1%/*}") && (umask 077; printf '%s\n' "$t" >"$1.new.$$"); } 2>&1); then
            rm -f "$1.new.$$"
            failed file "$1" "$e"
        fi
        finish_file "$1" "$2"
    fi
    e=$(chmod "$2" "$1" 2>&1) || failed file "$1" "$e"
    # Even where it was there: the one who wrote it may have been killed before this.
    case $1 in "$units"/*) systemctl daemon-reload ;; esac
}

# finish_file FILE MODE: puts what was written into its place, on the disk.
finish_file() {
    sync "$1.new.$$" 2>/dev/null || sync
    e=$({ chmod "$2" "$1.new.$$" && mv -f "$1.new.$$" "$1"; } 2>&1) && return 0
    rm -f "$1.new.$$"
    failed file "$1" "$e"
}
