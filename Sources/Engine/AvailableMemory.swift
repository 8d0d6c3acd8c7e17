// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The memory that the process may still take.
public struct AvailableMemory: Sendable, Equatable {
    /// Bytes that the machine, and every cgroup that the process is in, can still give; nil if that cannot be told.
    public var memoryBytes: Int?
    /// Bytes of address space that RLIMIT_AS (`ulimit -v`) leaves; nil without a limit.
    public var addressSpaceBytes: Int?

    /// Memory of the given sizes.
    public init(memoryBytes: Int?, addressSpaceBytes: Int? = nil) {
        self.memoryBytes = memoryBytes
        self.addressSpaceBytes = addressSpaceBytes
    }

    /// What there is now.
    public static func now() -> AvailableMemory {
        AvailableMemory(memoryBytes: memoryBytes(), addressSpaceBytes: addressSpaceBytes())
    }

    /// The same without `bytes` that are spoken for.
    func less(_ bytes: Int) -> AvailableMemory {
        AvailableMemory(
            memoryBytes: memoryBytes.map { max(0, $0 - bytes) },
            addressSpaceBytes: addressSpaceBytes.map { max(0, $0 - bytes) })
    }

    /// What machine and cgroups can still give, as told by the kernel's files below the given folders.
    package static func memoryBytes(process: String = "/proc", groups: String = "/sys/fs/cgroup") -> Int? {
        let machine = number(after: "MemAvailable:", in: contents(process + "/meminfo")).map { $0 * 1024 }
        return ([machine] + groupBytes(process: process, groups: groups)).compactMap { $0 }.min()
    }

    // MARK: cgroups

    /// What each limited cgroup on the way from the root to the process's own can still give, versions 1 and 2.
    private static func groupBytes(process: String, groups: String) -> [Int?] {
        var found: [Int?] = []
        for line in contents(process + "/self/cgroup")?.split(separator: "\n") ?? [] {
            // hierarchy:controllers:path
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isVersion2 = parts[0] == "0" && parts[1].isEmpty
            guard isVersion2 || parts[1].split(separator: ",").contains("memory") else { continue }
            // In a container the path may be that of the host, of which only the root is visible.
            for root in isVersion2 ? [groups, groups + "/unified"] : [groups + "/memory"] {
                var folder = root
                found.append(groupBytes(folder: folder, isVersion2: isVersion2))
                for name in parts[2].split(separator: "/") where name != ".." {
                    folder += "/" + name
                    found.append(groupBytes(folder: folder, isVersion2: isVersion2))
                }
            }
        }
        return found
    }

    /// What one cgroup can still give: its limit less what it uses and cannot drop; nil without a limit.
    private static func groupBytes(folder: String, isVersion2: Bool) -> Int? {
        let names =
            isVersion2
            ? (limit: "memory.max", used: "memory.current", reclaimable: "inactive_file")
            : (limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes", reclaimable: "total_inactive_file")
        // "max", and in version 1 a number near 2^63, stand for no limit.
        guard let limit = number(in: contents("\(folder)/\(names.limit)")), limit < 1 << 60,
            let used = number(in: contents("\(folder)/\(names.used)"))
        else { return nil }
        let reclaimable = number(after: names.reclaimable, in: contents("\(folder)/memory.stat")) ?? 0
        return max(0, limit - max(0, used - reclaimable))
    }

    // MARK: Address space

    private static func addressSpaceBytes() -> Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < 1 << 60 else {
            return nil
        }
        // The first number is the size of the address space in pages (proc_pid_statm(5)).
        guard let pages = contents("/proc/self/statm")?.split(separator: " ").first.flatMap({ Int($0) }) else {
            return nil
        }
        return max(0, Int(limit.rlim_cur) - pages * sysconf(Int32(_SC_PAGESIZE)))
    }

    // MARK: Files

    private static func number(in text: String?) -> Int? {
        text.flatMap { Int($0.prefix { !$0.isWhitespace }) }
    }

    /// The number that follows `name` at the start of a line.
    private static func number(after name: String, in text: String?) -> Int? {
        for line in text?.split(separator: "\n") ?? [] {
            let words = line.split(whereSeparator: \.isWhitespace)
            if words.count >= 2, words[0] == name { return Int(words[1]) }
        }
        return nil
    }

    /// The first 64 KiB of a file of the kernel.
    private static func contents(_ path: String) -> String? {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 8192)
        while text.count < 65_536 {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            text += buffer.prefix(count)
        }
        return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
    }
}
