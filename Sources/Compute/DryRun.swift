/// Going through the motions: buffers are taken and given back as in earnest, but parallel regions do nothing, so no
/// memory is touched and hardly any time passes. Tells how much memory a computation will take.
public enum DryRun {
  @TaskLocal static var isOn = false

  /// The most bytes of buffers in use while `body` runs, beyond those in use before. Whatever `body` computes is
  /// meaningless.
  public static func peakBytes(_ body: () throws -> Void) rethrows -> Int {
    try Arena.shared.dryPeak { try $isOn.withValue(true) { try body() } }
  }
}
