#!/bin/sh
# Builds and runs the Swift example in a package of its own that depends on this repository's last commit; and checks
# what docs/install.md says of dependencies by version.
#
# Usage: packaging/test_swift_package.sh. The package stays in .build-package.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
place=$here/.build-package
mkdir -p "$place/Sources/client"
cp "$here/examples/swift/main.swift" "$place/Sources/client"
depend() {
  cat >"$place/Package.swift" <<EOF
// swift-tools-version: 6.0
import PackageDescription

let package = Package(
  name: "client",
  dependencies: [.package(url: "file://$2", $1)],
  targets: [
    .executableTarget(name: "client", dependencies: [.product(name: "LatentMIM", package: "$(basename "$2")")])
  ])
EOF
}
# A clone, because a version is a tag.
rm -rf "$place/latentmim" "$place/Package.resolved"
git clone --quiet "$here" "$place/latentmim"
git -C "$place/latentmim" tag 0.1.0
depend 'exact: "0.1.0"' "$place/latentmim"
if swift build --package-path "$place" >"$place/version.log" 2>&1; then
  echo "a dependency by version builds: docs/install.md says that it does not"
  exit 1
fi
grep -q "contains unsafe build flags" "$place/version.log" || { tail -5 "$place/version.log"; exit 1; }

rm -f "$place/Package.resolved"
depend "revision: \"$(git -C "$here" rev-parse HEAD)\"" "$place/latentmim"
swift run --package-path "$place" client "$place/model.safetensors"
