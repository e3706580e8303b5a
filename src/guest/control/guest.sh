#!/bin/sh
# What is done in the guest to start and to stop services. It is put between a few variables and `main`, which calls the
# functions below, and sent to `sh` as one text: see script.rs. Every function can be called twice.
#
# $n       the nonce of the answer's frames (../frame.rs)
# $lock    the folder for the lock
# $patience    the seconds to wait for it
# $units   where drop-ins for units are
# $settings, $engines   where a proxy is kept; what goes through it besides the service
# $options    what `sccli` keeps of OpenShift's image and of the proxy
# $pending    the folder with the names of the units that still have to be restarted; gone after a boot
# systemctl, journal    those of the system or of the user
# shellcheck disable=SC2154  # these variables come from script.rs
# shellcheck disable=SC2046,SC2086  # lists of units are meant to be split; no name of a unit has blanks, and `set -f` is on

# A command over SSH often has no `sbin` in its path, and one of sudo's no `/usr/local/bin`.
without_proxy=''
renewed=''
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin
export LC_ALL PATH
set -f
b=$(date +%s)

# frame KIND BODY: writes an answer.
frame() { echo "@$n $1 ${#2}"; printf %s "$2"; echo; }

# Does all of it, whatever becomes of who waits for the answer.
run_all() {
    trap '' HUP PIPE
    echo
    frame begin ''
    # One at a time, where there is a program for that.
    if [ -w "$lock" ] && command -v flock >/dev/null; then
        l=$lock/service-manager.lock
        # `command` keeps sh from ending where that fails.
        { command exec 9>"$l"; } 2>/dev/null || failed file "$l" ''
        flock -w "$patience" 9 || failed busy '' ''
    fi
    # What is started there and stays, such as a daemon, would keep the lock.
    main 9>&-
    frame end ''
}

# failed KIND WHAT SAID: the last thing that is done.
failed() {
    frame "$1" "$2"
    frame said "$3"
    frame end ''
    exit 1
}

# last_words UNIT [SECONDS]: those of this action, and of so many seconds before.
last_words() { journal "$1" --since="@$((b - ${2-0}))" 2>/dev/null | tail -n 10 | tail -c 8192; }

unit_failed() {
    l=$(last_words "$1")
    failed unit "$1" "${l:-$2}"
}

report_failure() {
    must_have_program "$1"
    failed unit "$1" "$(last_words "$1" 60)"
}

# related PROPERTY UNIT: the units that start this one, or that it starts. `--value` would be newer than some guests.
related() { systemctl show --property="$1" -- "$2" 2>/dev/null | sed -n "s/^$1=//p"; }

# has_other_boot_state UNIT STATE: whether its state at boot is another one.
has_other_boot_state() { [ "$(systemctl is-enabled -- "$1" 2>/dev/null)" != "$2" ]; }

# set_boot VERB STATE UNIT…: does it to the units and to what starts them; a failure is none when the state is not the one that was to end. What
# has no [Install] is started by others; what is masked says so when it is started.
set_boot() {
    boot_verb=$1
    boot_state=$2
    shift 2
    for u; do
        for t in "$u" $(related TriggeredBy "$u"); do
            e=$(systemctl --quiet "$boot_verb" -- "$t" 2>&1) || has_other_boot_state "$t" "$boot_state" || failed unit "$t" "$e"
        done
    done
}

enable() { set_boot enable disabled "$@"; }
disable() { set_boot disable enabled "$@"; }

start() {
    for u; do
        systemctl --quiet is-active -- "$u" && continue
        for t in $(related TriggeredBy "$u"); do systemctl start -- "$t" 2>/dev/null || :; done
        e=$(systemctl start -- "$u" 2>&1) && continue
        must_have_program "$u"
        unit_failed "$u" "$e"
    done
}

# must_have_program UNIT: fails where what it starts is not there, as after a package was removed and the unit's file stayed. It is
# asked once the unit has failed: systemd may do without that program, or mount what it is on.
must_have_program() {
    p=$(systemctl show --property=ExecStart -- "$1" 2>/dev/null | sed -n '1s/^ExecStart={ path=\(.*\) ; argv\[\]=.*/\1/p')
    case $p in '' | [!/]* | *[!A-Za-z0-9/._+-]*) return 0 ;; esac
    [ -e "$p" ] || failed program "$1 $p$(package_of "$p")" ''
}

# package_of FILE: ` MANAGER PACKAGE` of an installed package that has it.
package_of() {
    o=$(dpkg-query --search "$1" 2>/dev/null | sed -n '1s/^\([a-z0-9+.-]*\)[,:].*/ apt \1/p')
    if [ -z "$o" ] && o=$(rpm --query --whatprovides --queryformat '%{NAME}\n' -- "$1" 2>/dev/null | grep -x -m 1 '[A-Za-z0-9._+-]*'); then
        if command -v zypper >/dev/null; then o=" zypper $o"; else o=" dnf $o"; fi
    fi
    printf %s "$o"
}

# Stops what would start the units again.
stop_triggers() {
    for u; do
        for t in $(related TriggeredBy "$u"); do
            e=$(systemctl stop -- "$t" 2>&1) || unit_failed "$t" "$e"
        done
    done
}

stop() {
    for u; do
        t=$(related Triggers "$u")
        e=$(systemctl stop -- "$u" $t 2>&1) || unit_failed "$u" "$e"
    done
    forget_failures "$@"
}

# What had to be killed, or ends with an error when it is told to end, is stopped all the same.
forget_failures() { systemctl reset-failed -- "$@" 2>/dev/null || :; }

# Asks the container runtime, which is containerd or CRI-O, or on old guests Docker.
stop_pods() {
    if command -v crictl >/dev/null; then
        p=$(crictl pods --quiet --state ready 2>/dev/null) || return 0
        [ -z "$p" ] || crictl stopp $p >/dev/null 2>&1 || :
    elif command -v docker >/dev/null; then
        p=$(docker ps --quiet --filter label=io.kubernetes.pod.name 2>/dev/null) || return 0
        [ -z "$p" ] || docker stop $p >/dev/null 2>&1 || :
    fi
}

# sccli SERVICE WORD UNIT...
sccli() {
    s=$1 v=$2
    shift 2
    o=$(command sccli "$s" "$v" 2>&1)
    c=$?
    if [ "$c" -eq 0 ]; then
        [ "$v" != stop ] || forget_failures "$@"
        return 0
    fi
    [ -z "$renewed" ] || restore_options "$@"
    for u; do
        if systemctl --quiet is-failed -- "$u"; then
            o="$o
$(last_words "$u")"
            break
        fi
    done
    failed sccli "$c" "$o"
}

# start_sccli SERVICE UNIT...: with the image and the proxy that the variables say. What runs with others is started anew.
start_sccli() {
    s=$1
    shift
    if are_active "$@"; then
        ! has_sccli_image || ! has_sccli_proxy || [ "$(pending_restarts)" ] || return 0
        renewed=yes
        keep_options
        # That one `sccli` restarts by itself, for a proxy.
        [ "$s" = docker ] || mark_pending_restart "$@"
    fi
    if [ "$PROXY" ]; then
        forget_sccli_proxy
        [ -z "$renewed" ] || frame restarted docker.service
    fi
    sccli "$s" start "$@"
    rm -f "$options.service-manager"
    if [ "$PROXY" ]; then
        put "$settings/sccli-proxy-$s" "$(sccli_proxy)"
    elif [ "$without_proxy" ]; then
        rm -f "$settings/sccli-proxy-$s"
    fi
    restart_pending
}

are_active() {
    for u; do systemctl --quiet is-active -- "$u" || return 1; done
}

# option NAME: its value in the file that `sccli` keeps.
option() { sed -n "s/^$1=[\"']\{0,1\}\([^\"']*\)[\"']\{0,1\}\$/\1/p" "$options" 2>/dev/null | tail -n 1; }

# Whether OpenShift has the image that the variables say.
has_sccli_image() {
    [ -z "$IMAGE_TAG" ] || [ "$DOCKER_REGISTRY/$IMAGE_NAME:$IMAGE_TAG" = "$(option DOCKER_REGISTRY)/$(option IMAGE_NAME):$(option IMAGE_TAG)" ]
}

# Whether the service $s was started with the proxy that the variables say, and nobody has changed that since.
has_sccli_proxy() {
    if [ "$without_proxy" ]; then
        [ ! -e "$settings/sccli-proxy-$s" ]
    elif [ "$PROXY" ]; then
        has_text "$settings/sccli-proxy-$s" "$(sccli_proxy)"
    fi
}

# The proxy that the variables say, and what tells whether Docker still has that.
sccli_proxy() {
    printf '%s\n' "$PROXY" "$PROXY_USER" "$PROXY_PASSWORD"
    { cksum <"$units/docker.service.d/http-proxy.conf"; } 2>/dev/null
}

# Keeps them for restore_options, whole or not at all.
keep_options() {
    k=$options.service-manager
    rm -f "$k"
    [ -e "$options" ] || return 0
    cp -p "$options" "$k" 2>/dev/null && return 0
    rm -f "$k"
    failed file "$k" ''
}

# Puts the image back that still runs. `sccli` has written the new one down before it tries to pull it.
restore_options() {
    [ ! -e "$options.service-manager" ] || mv -f "$options.service-manager" "$options"
    for u; do rm -f "$pending/$u"; done
}

# Completes what is said of an image with what was said before. That file is data: nothing in it is run.
complete_image() {
    while IFS='=' read -r k v; do
        v=${v#[\"\']}; v=${v%[\"\']}
        case $v in *[!A-Za-z0-9._:/-]*) continue;; esac
        case $k in
            DOCKER_REGISTRY) DOCKER_REGISTRY=${DOCKER_REGISTRY:-$v} ;;
            IMAGE_NAME) IMAGE_NAME=${IMAGE_NAME:-$v} ;;
            IMAGE_TAG) IMAGE_TAG=${IMAGE_TAG:-$v} ;;
        esac
    done 2>/dev/null <"$options"
    if [ -z "$DOCKER_REGISTRY" ] || [ -z "$IMAGE_NAME" ] || [ -z "$IMAGE_TAG" ]; then failed sccli 112 ''; fi
    export DOCKER_REGISTRY IMAGE_NAME IMAGE_TAG
}

# put FILE TEXT: writes it, for root alone from its first byte, unless it is there already.
put() {
    ! has_text "$1" "$2" || return 0
    remove_parts "$1"
    if ! { mkdir -p "${1%/*}" && (umask 077; printf '%s\n' "$2" >"$1.new.$$") && mv -f "$1.new.$$" "$1"; }; then
        rm -f "$1.new.$$"
        failed file "$1" ''
    fi
}

# remove_parts FILE: removes what one that was killed has left of it.
remove_parts() (
    set +f
    rm -f "$1".new.*
)

# has_text FILE TEXT
has_text() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }

# mark_pending_restart UNIT...: these have to start anew for what is about to change. The mark stays until they have, so
# that the next run restarts what this one could not; a boot does so by itself.
mark_pending_restart() {
    for u; do
        # `true`, since dash ends where a redirection of `:` fails (POSIX, 2.8.1: it is a special built-in).
        if ! { mkdir -p "$pending" && true >"$pending/$u"; } 2>/dev/null; then failed file "$pending/$u" ''; fi
    done
}

pending_restarts() (
    set +f
    for f in "$pending"/*; do [ ! -e "$f" ] || echo "${f##*/}"; done
)

# Restarts the units that have to; those that are down read what is new when they start.
restart_pending() {
    r=$(pending_restarts)
    [ "$r" ] || return 0
    systemctl daemon-reload
    for u in $r; do
        case $(systemctl is-active -- "$u" 2>/dev/null) in
            active | activating | reloading)
                e=$(systemctl restart -- "$u" 2>&1) || unit_failed "$u" "$e"
                frame restarted "$u"
                ;;
        esac
        rm -f "$pending/$u"
    done
}

# The units that go through the proxy.
units_with_proxy() (
    set +f
    for f in "$units"/*.d/service-manager-proxy.conf; do [ ! -e "$f" ] || basename "${f%.d/*}"; done
)

# set_proxy VARIABLES UNIT...
set_proxy() {
    v=$1 c="[Service]
EnvironmentFile=-$settings/proxy.env" m=
    shift
    # Its first line is the proxy itself. The others follow the machine's addresses, and wait for the next start.
    has_first_line_of "$settings/proxy.env" "$v" || mark_pending_restart $(units_with_proxy)
    for u in $engines "$@"; do
        systemctl cat -- "$u" >/dev/null 2>&1 || continue
        has_text "$units/$u.d/service-manager-proxy.conf" "$c" || m="$m $u"
    done
    mark_pending_restart $m
    put "$settings/proxy.env" "$v"
    for u in $m; do put "$units/$u.d/service-manager-proxy.conf" "$c"; done
    restart_pending
}

# has_first_line_of FILE TEXT: whether their first lines are the same.
has_first_line_of() { [ "$(sed 1q "$1" 2>/dev/null)" = "${2%%
*}" ]; }

remove_proxy() {
    r=$(units_with_proxy)
    mark_pending_restart $r
    for u in $r; do
        rm -f "$units/$u.d/service-manager-proxy.conf"
        rmdir "$units/$u.d" 2>/dev/null
    done
    rm -f "$settings/proxy.env"
    rmdir "$settings" 2>/dev/null
    restart_pending
}

# What sccli has written down of a proxy stays for ever, and keeps another one out.
forget_sccli_proxy() {
    [ ! -e "$options" ] || sed -i 's/^PROXY/#&/' "$options" 2>/dev/null || failed file "$options" ''
}

remove_sccli_proxy() {
    without_proxy=yes
    forget_sccli_proxy
    f=$units/docker.service.d/http-proxy.conf
    [ -e "$f" ] || return 0
    mark_pending_restart docker.service
    rm -f "$f" || failed file "$f" ''
    restart_pending
}

# set_image VARIABLE VALUE UNIT...: sets it for the units, which see it after restart_pending.
set_image() {
    f=service-manager-$1.conf c="[Service]
Environment=$1=$2"
    shift 2
    for u; do
        has_text "$units/$u.d/$f" "$c" && continue
        mark_pending_restart "$u"
        put "$units/$u.d/$f" "$c"
    done
}

# enable_tls UNIT USER CA SERVER-CERT SERVER-KEY CLIENT-CERT CLIENT-KEY NOW [replace]: keeps the arguments that dockerd has. NOW is
# the host's time, by which the certificates are valid.
enable_tls() {
    u=$1 d=/etc/docker f=$units/$1.d/service-manager-tls.conf
    h=$(getent passwd "$2" | cut -d: -f6)
    [ "$h" ] || failed tls '' "there is no user $2"
    # Another may just have done it.
    ! has_tls "$f" || [ ! -e "$h/.docker/cert.pem" ] || [ "$9" ] || return 0
    same_clock "$8"
    if ! has_tls "$f"; then
        x=$(systemctl cat -- "$u" 2>/dev/null | sed -e ':a' -e '/\\$/{N;s/\\\n[[:space:]]*/ /;ta' -e '}' | sed -n 's/^ExecStart=//p' | tail -n 1)
        c=$({ tr '\000' ' ' <"/proc/$(related MainPID "$u")/cmdline"; } 2>/dev/null)
        case "$x $c" in
            ' '*) failed tls '' 'its unit has no ExecStart' ;;
            *--tls* | *tcp://*) failed tls '' 'it is told about TLS or a port already' ;;
        esac
        for k in $d/ca.pem $d/server-cert.pem $d/server-key.pem "$h/.docker/ca.pem" "$h/.docker/cert.pem" "$h/.docker/key.pem"; do
            [ -e "$f" ] || [ ! -e "$k" ] || failed tls '' "there is $k already"
        done
        # Without any it listens there by itself.
        case $x in *' -H'* | *--host*) ;; *) x="$x -H unix:///var/run/docker.sock" ;; esac
    fi
    # At first the drop-in says nothing but whose the keys are, should this be broken off.
    [ -e "$f" ] || put "$f" '# The keys are being made.'
    put $d/ca.pem "$3"
    put $d/server-cert.pem "$4"
    put $d/server-key.pem "$5"
    has_tls "$f" || put "$f" "[Service]
ExecStart=
ExecStart=$x -H tcp://0.0.0.0:2376 --tlsverify --tlscacert=$d/ca.pem --tlscert=$d/server-cert.pem --tlskey=$d/server-key.pem"
    systemctl daemon-reload
    systemctl --quiet is-active -- "$u" && r=yes || r=
    if ! e=$(systemctl restart -- "$u" 2>&1); then
        l=$(last_words "$u")
        rm -f "$f" $d/ca.pem $d/server-cert.pem $d/server-key.pem
        systemctl daemon-reload
        systemctl reset-failed -- "$u" 2>/dev/null
        [ -z "$r" ] || systemctl restart -- "$u" 2>/dev/null
        failed tls '' "${l:-$e}"
    fi
    [ -z "$r" ] || frame restarted "$u"
    put_client_keys "$2" "$h/.docker" "$3" "$6" "$7"
}

# renew_keys UNIT USER CA SERVER-CERT SERVER-KEY CLIENT-CERT CLIENT-KEY NOW FOLDER [OLD-CA OLD-CERT OLD-KEY]: replaces the keys of a daemon that makes
# its own when it starts without FOLDER/ca.pem. That one goes first and comes last, so that the daemon does so if this is broken off.
renew_keys() {
    u=$1 d=$9
    h=$(getent passwd "$2" | cut -d: -f6)
    [ "$h" ] || failed tls '' "there is no user $2"
    # Another may just have done it.
    [ $# -lt 12 ] || has_keys "$h/.docker" "${10}" "${11}" "${12}" || return 0
    same_clock "$8"
    rm -f "$d/ca.pem" 2>/dev/null || failed file "$d/ca.pem" ''
    put "$d/server-cert.pem" "$4"
    put "$d/server-key.pem" "$5"
    put_client_keys "$2" "$h/.docker" "$3" "$6" "$7"
    put "$d/ca.pem" "$3"
    if ! e=$(systemctl restart -- "$u" 2>&1); then
        l=$(last_words "$u")
        # With its own it may start.
        rm -f "$d/ca.pem"
        systemctl restart -- "$u" 2>/dev/null
        failed unit "$u" "${l:-$e}"
    fi
    frame restarted "$u"
}

# has_keys FOLDER CA CERT KEY
has_keys() { has_text "$1/ca.pem" "$2" && has_text "$1/cert.pem" "$3" && has_text "$1/key.pem" "$4"; }

# put_client_keys USER FOLDER CA CERT KEY: cert.pem is what it is known by.
put_client_keys() {
    (umask 077; mkdir -p "$2")
    chown "$1:" "$2"
    put_for "$1" "$2/ca.pem" "$3"
    put_for "$1" "$2/key.pem" "$5"
    put_for "$1" "$2/cert.pem" "$4"
}

# same_clock TIME: fails when the clock here is not the host's, so that one side would take new certificates for invalid.
same_clock() {
    c=$((b - $1)) w=ahead
    [ "$c" -ge 0 ] || { c=$((-c)) w=behind; }
    [ "$c" -lt 43200 ] || failed clock "$((c / 3600))" "$w"
}

# has_tls FILE: whether that drop-in is complete.
has_tls() { grep --quiet '^ExecStart=.*--tlsverify' "$1" 2>/dev/null; }

# put_for USER FILE TEXT: as put, for a user.
put_for() {
    remove_parts "$2"
    if ! { (umask 077; printf '%s\n' "$3" >"$2.new.$$") && chown "$1:" "$2.new.$$" && mv -f "$2.new.$$" "$2"; }; then
        rm -f "$2.new.$$"
        failed file "$2" ''
    fi
}

linger() { loginctl enable-linger 2>/dev/null || :; }

# wait_for_engine SOCKET: waits until a container engine answers there.
wait_for_engine() {
    i=0
    until answers "$1"; do
        i=$((i + 1))
        [ "$i" -lt 60 ] || failed socket "$1" ''
        sleep 0.5
    done
}

answers() {
    if command -v curl >/dev/null; then
        curl --silent --fail --output /dev/null --max-time 5 --unix-socket "$1" http://localhost/_ping
    elif command -v docker >/dev/null; then
        docker --host "unix://$1" version >/dev/null 2>&1
    fi
}
