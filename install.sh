#!/bin/sh
# Installs service-manager for you, or with sudo for everybody, from a release: downloads it, compares it with the release's
# SHA256SUMS, and puts the program, its manual and its completions below one folder.
#
#   install.sh [--version VERSION] [--prefix FOLDER]     install, or replace another version
#   install.sh --uninstall [--prefix FOLDER]             remove what it has installed, and nothing else
#
# Without --prefix: ~/.local, for root /usr/local. SERVICE_MANAGER_RELEASES names a mirror of the releases, https:// or file://.
set -eu
umask 022

version=2.0.0
# A placeholder until the project has a place of its own.
releases=${SERVICE_MANAGER_RELEASES:-https://service-manager.example/releases}

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "error: $1"
    [ -z "${2:-}" ] || say "hint: $2"
    exit 1
}

main() {
    prefix='' action=install
    while [ $# -gt 0 ]; do
        case $1 in
            --version | --prefix)
                [ -n "${2:-}" ] || fail "$1 needs a value" "install.sh --help"
                if [ "$1" = --version ]; then version=$2; else prefix=$2; fi
                shift ;;
            --version=?*) version=${1#*=} ;;
            --prefix=?*) prefix=${1#*=} ;;
            --uninstall) action=uninstall ;;
            -h | --help) usage; exit 0 ;;
            *) fail "there is no option '$1'" "install.sh --help" ;;
        esac
        shift
    done
    check_version
    choose_prefix
    receipt=$prefix/share/service-manager/installed
    "$action"
}

usage() {
    cat <<'END'
Usage: install.sh [--version VERSION] [--prefix FOLDER]
       install.sh --uninstall [--prefix FOLDER]

Installs service-manager below FOLDER: ~/.local, or for root /usr/local.
SERVICE_MANAGER_RELEASES names a mirror of the releases, https:// or file://.
END
}

# It becomes part of addresses and paths.
check_version() {
    version=${version#v}
    case $version in
        '' | *[!0-9A-Za-z.+-]* | .* | *..*) fail "'$version' is no version" "name one like 2.0.0" ;;
    esac
}

choose_prefix() {
    if [ -z "$prefix" ] && [ "$(id -u)" -eq 0 ]; then
        prefix=/usr/local
    elif [ -z "$prefix" ]; then
        prefix=${HOME:?is not set: name a folder with --prefix}/.local
    fi
    case $prefix in
        /*) ;;
        *) prefix=$PWD/$prefix ;;
    esac
    case $prefix in
        *"
"*) fail "a folder whose name has several lines is not supported" ;;
    esac
}

install() {
    target=$(target)
    name=service-manager-$version-$target
    work=$(mktemp -d "${TMPDIR:-/tmp}/service-manager.XXXXXX") || fail "no temporary folder can be made" "set TMPDIR to a folder that you can write"
    partial=''
    trap 'rm -rf "$work" ${partial:+"$partial"}' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP

    download "v$version/SHA256SUMS" "$work/SHA256SUMS" || fail "there is no release $version for you at $releases" "look which versions there are, and name one with --version"
    expected=$(awk -v name="$name.tar.gz" '$2 == name || $2 == "*" name { print $1 }' "$work/SHA256SUMS")
    [ -n "$expected" ] || fail "release $version has no build for $target" "build it: cargo install --path . in the project's folder"
    download "v$version/$name.tar.gz" "$work/archive" || fail "$name.tar.gz could not be downloaded from $releases" "try again, or set SERVICE_MANAGER_RELEASES to a mirror"
    actual=$(sum "$work/archive")
    [ "$actual" = "$expected" ] || fail "$name.tar.gz is not what the release says: SHA-256 $actual, expected $expected; nothing was installed"

    mkdir "$work/content"
    tar -xzf "$work/archive" -C "$work/content"
    [ -f "$work/content/$name/bin/service-manager" ] || fail "there is no program in $name.tar.gz; nothing was installed"
    # Before anything is replaced: whether it runs here.
    "$work/content/$name/bin/service-manager" --version >/dev/null || fail "the build for $target does not run here; nothing was installed" "build it: cargo install --path . in the project's folder"
    place "$work/content/$name"
    say "service-manager $version is now $prefix/bin/service-manager, verified by SHA-256"
    case :$PATH: in
        *":$prefix/bin:"*) ;;
        *) say "hint: put it on your PATH: export PATH=\"$prefix/bin:\$PATH\"" ;;
    esac
}

# target: what the builds for this machine are called.
target() {
    system=$(uname -s) machine=$(uname -m)
    case $machine in
        x86_64 | amd64) machine=x86_64 ;;
        aarch64 | arm64) machine=aarch64 ;;
        *) fail "there is no build for a $machine" "build it: cargo install --path . in the project's folder" ;;
    esac
    case $system in
        Linux) echo "$machine-unknown-linux-gnu" ;;
        Darwin) echo "$machine-apple-darwin" ;;
        MINGW* | MSYS* | CYGWIN*) fail "this script is not for Windows" "install.ps1, in PowerShell" ;;
        *) fail "there is no build for $system" "build it: cargo install --path . in the project's folder" ;;
    esac
}

# download PATH FILE: of the releases. Nothing is waited for without an end.
download() {
    case $releases in
        https://* | file:///*) ;;
        *) fail "SERVICE_MANAGER_RELEASES is '$releases', which is neither https:// nor file:///" ;;
    esac
    if command -v curl >/dev/null; then
        curl --fail --silent --show-error --location --proto '=https,file' --proto-redir '=https' \
            --connect-timeout 20 --speed-limit 1 --speed-time 60 --retry 2 --output "$2" "$releases/$1"
    elif [ "${releases#file://}" != "$releases" ]; then
        cp "${releases#file://}/$1" "$2"
    elif command -v wget >/dev/null; then
        wget --quiet --https-only --timeout=60 --tries=3 --output-document="$2" "$releases/$1"
    else
        fail "curl is missing, and wget too" "install one of them"
    fi
}

# sum FILE: its SHA-256.
sum() {
    if command -v sha256sum >/dev/null; then
        sha256sum <"$1"
    elif command -v shasum >/dev/null; then
        shasum -a 256 <"$1"
    else
        fail "sha256sum is missing, and shasum too" "install one of them: nothing is installed unverified"
    fi | cut -d ' ' -f 1
}

# place FOLDER: all its files below the prefix, each at once; the program comes last. The receipt names the files of the old
# version and of the new one until all are there, so that --uninstall removes whatever an end in the middle leaves.
place() {
    (cd "$1" && find . -type f | sed 's|^\./||' | LC_ALL=C sort) >"$work/new"
    if [ -f "$receipt" ]; then cat "$receipt"; fi >"$work/old"
    LC_ALL=C sort -u "$work/old" "$work/new" >"$work/all"
    put "$work/all" "$receipt"
    grep -v '^bin/' "$work/new" >"$work/rest" || true
    while IFS= read -r file; do put "$1/$file" "$prefix/$file"; done <"$work/rest"
    put "$1/bin/service-manager" "$prefix/bin/service-manager"
    LC_ALL=C comm -23 "$work/all" "$work/new" >"$work/gone"
    take_away "$work/gone"
    put "$work/new" "$receipt"
}

# put FILE PATH
put() {
    folder=${2%/*}
    mkdir -p "$folder" 2>/dev/null || fail "$folder cannot be made" "name another folder with --prefix, or use sudo"
    [ -w "$folder" ] || fail "you may not write in $folder" "name another folder with --prefix, or use sudo"
    partial=$folder/.${2##*/}.$$
    cp "$1" "$partial" || fail "$2 could not be written"
    mv -f "$partial" "$2" || fail "$2 could not be replaced"
    partial=''
}

uninstall() {
    [ -f "$receipt" ] || fail "$receipt is missing: this script has installed nothing below $prefix" "name the folder with --prefix"
    take_away "$receipt"
    rm -f "$receipt"
    rmdir "${receipt%/*}" "$prefix/share" 2>/dev/null || true
    say "removed service-manager from $prefix. What it knows of machines is kept: remove ~/.local/state/service-manager and ~/.local/share/service-manager, if you want"
}

# take_away LIST: the files that it names below the prefix, and the folders that nothing else is in.
take_away() {
    while IFS= read -r file; do
        case $file in
            bin/* | share/*) ;;
            *) continue ;;
        esac
        case /$file/ in */../*) continue ;; esac
        rm -f "$prefix/$file" || fail "you may not remove $prefix/$file" "use sudo"
        folder=${file%/*}
        while [ "$folder" != "${folder%/*}" ]; do
            rmdir "$prefix/$folder" 2>/dev/null || break
            folder=${folder%/*}
        done
    done <"$1"
}

# All of the script has been read when it begins.
main "$@"
