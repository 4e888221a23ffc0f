import CLatentMIM
import Compute
import Files
import Glibc
import Images
import LatentMIM

private let version = "0.1.0"
private nonisolated(unsafe) let versionText = UnsafePointer(strdup(version))
private nonisolated(unsafe) let instructionSetNames: [InstructionSet: UnsafePointer<CChar>?] = Dictionary(
  uniqueKeysWithValues: InstructionSet.allCases.map { ($0, UnsafePointer(strdup($0.rawValue))) })

@c @implementation public func lm_version() -> Text { versionText }

@c @implementation public func lm_release(_ handle: UnsafeMutableRawPointer?) {
  handle.map { Unmanaged<AnyObject>.fromOpaque($0).release() }
}

@c @implementation public func lm_thread_count() -> Int32 { Int32(threadCount) }

@c @implementation public func lm_set_thread_count(_ count: Int64) -> lm_status {
  attempt { try setThreadCount(Int(count)) }
}

@c @implementation public func lm_instruction_set() -> Text { instructionSetNames[InstructionSet.current] ?? nil }

@c @implementation public func lm_set_instruction_set(_ name: Text) -> lm_status {
  attempt { try InstructionSet.use(text(name, "name")) }
}

@c @implementation public func lm_has_precision(_ name: Text) -> Bool {
  name.flatMap { Precision(rawValue: String(cString: $0)) }.map { (try? $0.arithmetic()) != nil } ?? false
}

@c @implementation public func lm_environment(_ report: TextPlace) -> lm_status {
  attempt(handingOut: report) {
    let limit = MemoryLimit.current()
    let libraries = ImageCodec.libraries.merging(["products": blasLibrary]) { $1 }
    return try JSONValue.object([
      "version": .string(version),
      "instruction_set": .string(InstructionSet.current.rawValue),
      "instruction_sets": .array(InstructionSet.allCases.filter(\.isAvailable).map { .string($0.rawValue) }),
      "threads": .integer(threadCount),
      "precision": .string(Precision.named(Precision.auto.arithmetic()).rawValue),
      "memory_limit": ["bytes": .integer(limit.bytes), "reason": .string(limit.name)],
      "libraries": .object(libraries.mapValues { .string($0) }),
    ]).text()
  }
}

@c @implementation public func lm_set_interrupt_check(_ check: (@convention(c) () -> Bool)?) {
  guard let check else { return Interruption.isRequested = nil }
  Interruption.isRequested = { check() }
}

@c @implementation public func lm_memory_statistics(_ statistics: UnsafeMutablePointer<lm_memory>?) {
  let now = Arena.shared.statistics
  statistics?.pointee = lm_memory(
    allocations: Int64(now.allocations), bytes_in_use: Int64(now.bytesInUse),
    peak_bytes_in_use: Int64(now.peakBytesInUse), bytes_kept: Int64(now.bytesKept))
}

@c @implementation public func lm_measure_peak(_ precisionName: Text, _ seconds: Double, _ flops: NumberPlace)
  -> lm_status
{
  attempt { flops?.pointee = try Measurement.peak(precision(precisionName).arithmetic(), seconds: seconds) }
}

@c @implementation public func lm_measure_product(
  _ kind: Text, _ rows: Int64, _ outWidth: Int64, _ inWidth: Int64, _ precisionName: Text, _ seconds: Double,
  _ flops: NumberPlace
) -> lm_status {
  attempt {
    flops?.pointee = try Measurement.product(
      choice(kind, "kind"), rows: Int(rows), outWidth: Int(outWidth), inWidth: Int(inWidth),
      precision(precisionName).arithmetic(), seconds: seconds)
  }
}

@c @implementation public func lm_profile_start() { Profile.start() }

@c @implementation public func lm_profile_stop(_ entries: TextPlace) -> lm_status {
  attempt(handingOut: entries) {
    let list = Profile.stop().mapValues {
      JSONValue.array([.integer($0.calls), .number($0.seconds), .number($0.flops), .number($0.bytes)])
    }
    return try JSONValue.object(list).text()
  }
}
