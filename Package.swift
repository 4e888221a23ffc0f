// swift-tools-version: 6.0
import PackageDescription

/// Numeric rooms are optimised in debug builds too: an unoptimised inner loop makes `swift test` unusable.
let optimised: [SwiftSetting] = [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// Inner loops are always optimised; 512-bit registers are used where the instruction set has them.
let kernelFlags: [CSetting] = [
  .unsafeFlags(["-O3", "-Wall", "-Wextra", "-mprefer-vector-width=512", "-fno-math-errno"])
]

/// Called through CKernels, which has forks wait for those who make a global or hold a mutex (`first_use.c`).
let wrapped = [
  "_ZN5swift14threading_impl9once_slowERNS0_6once_tEPFvPvES3_", "pthread_mutex_lock", "pthread_mutex_trylock",
  "pthread_mutex_unlock", "pthread_cond_wait", "pthread_cond_timedwait",
]

/// A shared library that carries the Swift runtime and shows only the symbols named in `exports`.
func shared(exports: String) -> [LinkerSetting] {
  [
    .unsafeFlags(
      [
        "-static-stdlib",
        "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/\(exports)",
        "-Xlinker", "-z", "-Xlinker", "nodelete",
      ] + wrapped.flatMap { ["-Xlinker", "--wrap=\($0)"] }),
    .linkedLibrary("swiftSynchronization"),
  ]
}

/// The Swift rooms that face outwards see.
let rooms: [Target.Dependency] = [
  "Evaluation", "Segmentation", "LatentMIM", "Images", "Networks", "Tensors", "Files", "Compute",
]

/// The tests of a room. Fixtures are found beside the sources, by path.
func tests(_ room: String, exclude: [String] = []) -> Target {
  .testTarget(
    name: "\(room)Tests", dependencies: [.byName(name: room), "TestSupport"], exclude: exclude,
    swiftSettings: optimised)
}

let package = Package(
  name: "LatentMIM",
  products: [
    .library(name: "LatentMIM", targets: ["LatentMIM", "Segmentation", "Evaluation"]),
    .library(name: "latentmim", type: .dynamic, targets: ["LatentMIMABI", "LatentMIMShared"]),
    .library(name: "_latentmim", type: .dynamic, targets: ["PyLatentMIM"]),
    .executable(name: "latentmim-example", targets: ["SwiftExample"]),
  ],
  targets: [
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg-dev"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
    .systemLibrary(name: "CTIFF", pkgConfig: "libtiff-4", providers: [.apt(["libtiff-dev"])]),
    .systemLibrary(name: "CWebP", pkgConfig: "libwebpdemux", providers: [.apt(["libwebp-dev"])]),
    .systemLibrary(name: "CPython", pkgConfig: "python3", providers: [.apt(["python3-dev"])]),

    .target(name: "CKernels", cSettings: kernelFlags),
    .target(
      name: "CImageCodecs", dependencies: ["CDeflate", "CJPEG", "CPNG", "CTIFF", "CWebP"],
      cSettings: [.unsafeFlags(["-O3", "-Wall", "-Wextra"])]),
    .target(name: "Compute", dependencies: ["CKernels", "COpenBLAS"], swiftSettings: optimised),
    .target(name: "Files", dependencies: ["Compute"]),
    .target(name: "Tensors", dependencies: ["Compute", "CKernels"], swiftSettings: optimised),
    .target(name: "Networks", dependencies: ["Tensors", "Compute", "CKernels"], swiftSettings: optimised),
    .target(
      name: "Images", dependencies: ["Files", "Compute", "CKernels", "CDeflate", "CImageCodecs"],
      swiftSettings: optimised),
    .target(
      name: "LatentMIM", dependencies: ["Networks", "Images", "Tensors", "Files", "Compute"], swiftSettings: optimised),
    .target(
      name: "Segmentation", dependencies: ["LatentMIM", "Images", "Tensors", "Files", "Compute", "CKernels"],
      swiftSettings: optimised),
    .target(
      name: "Evaluation",
      dependencies: ["Segmentation", "LatentMIM", "Networks", "Images", "Tensors", "Files", "Compute"],
      swiftSettings: optimised),
    .target(name: "CLatentMIM"),
    .target(name: "LatentMIMABI", dependencies: ["CLatentMIM"] + rooms),
    .target(name: "LatentMIMShared", linkerSettings: shared(exports: "LatentMIMShared/exports.map")),
    .target(
      name: "PyLatentMIM", dependencies: ["CPython", "CLatentMIM", "LatentMIMABI"],
      linkerSettings: shared(exports: "PyLatentMIM/exports.map")),

    .executableTarget(name: "SwiftExample", dependencies: rooms, path: "examples/swift"),

    .target(name: "TestSupport", dependencies: ["Tensors"], path: "Tests/TestSupport", swiftSettings: optimised),
    tests("Compute"),
    tests("Files", exclude: ["Fixtures"]),
    tests("Tensors"),
    tests("Networks"),
    tests("Images", exclude: ["Fixtures"]),
    tests("LatentMIM"),
    tests("Segmentation", exclude: ["Fixtures"]),
    tests("Evaluation"),
    .testTarget(name: "LatentMIMABITests", dependencies: ["LatentMIMABI", "CLatentMIM"]),
  ],
  swiftLanguageModes: [.v6]
)

// What `make fuzz` builds; it does not link without libFuzzer.
if Context.environment["LATENTMIM_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "FuzzImages", dependencies: ["Images"], path: "Tests/Fuzzing/Swift",
      swiftSettings: [.unsafeFlags(["-parse-as-library", "-sanitize=fuzzer"])],
      linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]))
}
