#!/usr/bin/env bash
# A browser for the tests: one that is there, else Debian's chromium, else Playwright's own.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" > /dev/null; then exit 0; fi
done
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo -n"
if command -v apt-get > /dev/null && { [ -z "$sudo" ] || $sudo true 2> /dev/null; }; then
  $sudo apt-get update -qq && $sudo apt-get install -y -qq chromium > /dev/null && exit 0
fi
.venv/bin/playwright install chromium
