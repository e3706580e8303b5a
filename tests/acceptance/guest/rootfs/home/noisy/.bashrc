# shellcheck shell=bash
# Speaks before any test for an interactive shell: bash reads this for every command that comes over SSH.
echo 'Welcome to the noisy account'
echo 'export EVIL=1'
# shellcheck disable=SC2016 # the text itself is meant
echo '$(touch /tmp/pwned)'
echo 'noise on stderr; export EVIL=1' >&2
# shellcheck disable=SC2016
echo '$(touch /tmp/pwned)' >&2
