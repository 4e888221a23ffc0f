import CLatentMIM
import Compute
import Files
import Glibc
import LatentMIM

// The pointers of latentmim.h by what they stand for; a place is where a result is written.
public typealias Handle = OpaquePointer?
public typealias HandlePlace = UnsafeMutablePointer<OpaquePointer?>?
public typealias Text = UnsafePointer<CChar>?
public typealias TextPlace = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
public typealias Floats = UnsafePointer<Float>?
public typealias FloatPlace = UnsafeMutablePointer<Float>?
public typealias Integers = UnsafePointer<Int64>?
public typealias IntegerPlace = UnsafeMutablePointer<Int64>?
public typealias Numbers = UnsafePointer<Double>?
public typealias NumberPlace = UnsafeMutablePointer<Double>?
public typealias ArrayList = UnsafePointer<lm_array>?
public typealias Pixels = UnsafePointer<lm_pixels>?
public typealias Metrics = UnsafePointer<lm_metrics>?
public typealias MetricsPlace = UnsafeMutablePointer<lm_metrics>?
public typealias Labels = UnsafePointer<Int32>?
public typealias LabelPlace = UnsafeMutablePointer<Int32>?

/// A value behind a handle, where it is no object itself.
final class Box<Value> {
  let value: Value
  init(_ value: Value) { self.value = value }
}

/// Hands an object out as a C handle.
func handOut(_ object: AnyObject, _ place: HandlePlace) throws {
  try given(place, "the place for the result").pointee = OpaquePointer(Unmanaged.passRetained(object).toOpaque())
}

/// Hands a text out, to be freed with lm_text_free. NULL for nil.
func handOut(_ text: String?, _ place: TextPlace) { place?.pointee = text.flatMap { strdup($0) } }

/// The object behind a handle.
func object<Object: AnyObject>(_ handle: Handle, _ type: Object.Type = Object.self) throws -> Object {
  Unmanaged<Object>.fromOpaque(UnsafeRawPointer(try given(handle, "the handle"))).takeUnretainedValue()
}

/// - Throws: `ArgumentError` where a pointer is NULL.
func given<Pointer>(_ pointer: Pointer?, _ name: String) throws -> Pointer {
  guard let pointer else { throw ArgumentError("\(name) is NULL") }
  return pointer
}

func text(_ pointer: Text, _ name: String) throws -> String { String(cString: try given(pointer, name)) }

/// A path, byte for byte.
func filePath(_ pointer: Text, _ name: String) throws -> FilePath {
  FilePath(cString: try given(pointer, name))
}

/// The number of elements of a shape.
///
/// - Throws: `ArgumentError` where a size is negative, or no address space holds so many.
func elementCount(_ sizes: [Int64], _ name: String) throws -> Int {
  guard let count = elementCount(sizes.map { Int($0) }), count < Int.max / 64 else {
    throw ArgumentError("\(name) has the impossible shape \(sizes)")
  }
  return count
}

/// An array that is read where it lies, and copied soon.
///
/// - Throws: `ArgumentError` where it is NULL or its shape impossible, `OutOfMemory` where the machine could hold no
///   copy.
func array<Element>(
  _ start: UnsafePointer<Element>?, _ shape: [Int64], _ name: String
) throws -> UnsafeBufferPointer<Element> {
  let count = try elementCount(shape, name)
  try OutOfMemory.check(for: count, of: Element.self)
  return UnsafeBufferPointer(start: try given(start, name), count: count)
}

/// Whole numbers, copied.
///
/// - Throws: as `array` does.
func integers(_ start: Integers, _ count: Int64, _ name: String) throws -> [Int] {
  guard count > 0 else { throw ArgumentError("the number of \(name) is \(count), wanted at least 1") }
  return try array(start, [count], name).map { Int($0) }
}

/// Copies values to a place that is large enough.
func write<Element>(_ values: some Collection<Element>, _ place: UnsafeMutablePointer<Element>?, _ name: String) throws
{
  _ = UnsafeMutableBufferPointer(start: try given(place, name), count: values.count).update(fromContentsOf: values)
}

/// Options given as JSON text; NULL: none.
func options(_ json: Text, _ name: String) throws -> JSONCursor {
  let parsed = try json.map { try JSONValue(parsing: String(cString: $0), source: name) } ?? .object([:])
  return JSONCursor(parsed, source: name)
}

/// The precision of that name; float32 where none is given.
func precision(_ name: Text) throws -> Precision { try name == nil ? .float32 : choice(name, "precision") }

/// The choice with this name.
///
/// - Throws: `ConfigurationError` listing the names there are.
func choice<Choice: RawRepresentable<String> & CaseIterable>(_ name: Text, _ argument: String) throws -> Choice {
  try Choice(named: text(name, argument), option: argument)
}

/// Remarks as one text, a line each; nil where there are none.
func joined(_ remarks: [String]) -> String? { remarks.isEmpty ? nil : remarks.joined(separator: "\n") }
