import CLatentMIM
import Compute
import Files
import LatentMIM

@c @implementation
public func lm_measure_peak(
  _ precisionName: UnsafePointer<CChar>?, _ seconds: Double, _ flops: UnsafeMutablePointer<Double>?
) -> lm_status {
  attempt {
    flops?.pointee = try Measurement.peak(precision(precisionName).arithmetic(), seconds: duration(seconds))
  }
}

@c @implementation
public func lm_measure_product(
  _ kind: UnsafePointer<CChar>?, _ rows: Int64, _ outWidth: Int64, _ inWidth: Int64,
  _ precisionName: UnsafePointer<CChar>?, _ seconds: Double, _ flops: UnsafeMutablePointer<Double>?
) -> lm_status {
  attempt {
    let name = try text(kind, "kind")
    guard let kind = Measurement.ProductKind(rawValue: name) else {
      throw ArgumentError("kind is '\(name)', wanted 'forward', 'input_gradient' or 'weight_gradient'")
    }
    for (name, size) in [("rows", rows), ("out_width", outWidth), ("in_width", inWidth)]
    where !(1...1 << 24).contains(size) {
      throw ArgumentError("\(name) is \(size), wanted 1 … \(1 << 24)")
    }
    flops?.pointee = try Measurement.product(
      kind, rows: Int(rows), outWidth: Int(outWidth), inWidth: Int(inWidth), precision(precisionName).arithmetic(),
      seconds: duration(seconds))
  }
}

@c @implementation
public func lm_profile_start() { Profile.start() }

@c @implementation
public func lm_profile_stop(_ entries: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> lm_status {
  attempt {
    let list = Profile.stop().mapValues {
      JSONValue.array([.integer($0.calls), .number($0.seconds), .number($0.flops), .number($0.bytes)])
    }
    handOut(try JSONValue.object(list).text(), entries)
  }
}

private func duration(_ seconds: Double) throws -> Double {
  guard seconds > 0, seconds <= 600 else { throw ArgumentError("seconds is \(seconds), wanted above 0, at most 600") }
  return seconds
}
