// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Engine
import Foundation
import Testing

/// A folder of files as the kernel shows them, removed when the test ends.
private final class KernelFiles {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "temper-kernel-\(UUID().uuidString)")
    var process: String { folder.appending(path: "proc").path }
    var groups: String { folder.appending(path: "cgroup").path }

    init(_ files: [String: String]) throws {
        for (name, text) in files {
            let file = folder.appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    var bytes: Int? { AvailableMemory.memoryBytes(process: process, groups: groups) }
}

@Suite("Memory at hand")
struct AvailableMemoryTests {
    private let machine = "MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable:    4000 kB\n"

    @Test("is the machine's where no cgroup has a limit")
    func machineAlone() throws {
        let files = try KernelFiles([
            "proc/meminfo": machine, "proc/self/cgroup": "0::/a\n", "cgroup/a/memory.max": "max\n",
            "cgroup/a/memory.current": "100\n",
        ])
        #expect(files.bytes == 4000 * 1024)
        #expect(try KernelFiles(["proc/meminfo": machine]).bytes == 4000 * 1024)
        #expect(try KernelFiles([:]).bytes == nil)
    }

    @Test("is the least that a slice on the way up leaves, without what can be dropped")
    func nestedSlices() throws {
        let files = try KernelFiles([
            "proc/meminfo": machine, "proc/self/cgroup": "1:name=systemd:/x\n0::/outer.slice/inner.scope\n",
            "cgroup/outer.slice/memory.max": "1000000\n", "cgroup/outer.slice/memory.current": "900000\n",
            "cgroup/outer.slice/memory.stat": "anon 1\ninactive_file 300000\nactive_file 7\n",
            "cgroup/outer.slice/inner.scope/memory.max": "800000\n",
            "cgroup/outer.slice/inner.scope/memory.current": "100000\n",
        ])
        #expect(files.bytes == 1_000_000 - (900_000 - 300_000))
    }

    @Test("is the container's own where the path is that of the host")
    func hostPath() throws {
        let files = try KernelFiles([
            "proc/meminfo": machine, "proc/self/cgroup": "0::/docker/0123\n", "cgroup/memory.max": "500000\n",
            "cgroup/memory.current": "600000\n", "cgroup/memory.stat": "inactive_file 0\n",
        ])
        #expect(files.bytes == 0)
    }

    @Test("is read from version 1 too")
    func version1() throws {
        let files = try KernelFiles([
            "proc/meminfo": machine, "proc/self/cgroup": "9:pids:/\n4:cpu,memory:/job\n0::/\n",
            "cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "cgroup/memory/memory.usage_in_bytes": "1\n",
            "cgroup/memory/job/memory.limit_in_bytes": "700000\n",
            "cgroup/memory/job/memory.usage_in_bytes": "300000\n",
            "cgroup/memory/job/memory.stat": "inactive_file 5\ntotal_inactive_file 200000\n",
        ])
        #expect(files.bytes == 600_000)
    }
}

@Suite("The plan of memory")
struct ServingPlanTests {
    @Test("is what a loaded model takes, and what a checkpoint alone tells")
    func oneFormula() throws {
        let checkpoint = try Checkpoint.open(path: Harness.checkpoint)
        var options = EngineOptions(threadCount: 2)
        options.cacheBytes = 1 << 20
        let plan = try ServingPlan(checkpoint, options: options, available: .now())
        #expect(plan.memory == (try LoadedModel(checkpoint, id: "a", options: options)).memory)
        #expect(plan.memory.cacheBytes <= 1 << 20)
        #expect(plan.memory.cacheBytes == plan.cacheTokens * plan.layout.bytesPerToken)
        options.contextLength = plan.contextLength + 1
        #expect(throws: ModelLoadError.self) { try ServingPlan(checkpoint, options: options, available: .now()) }
    }

    @Test("takes a quarter of what there is for the cache, at most eight contexts")
    func defaultCache() throws {
        let checkpoint = try Checkpoint.open(path: Harness.checkpoint)
        let options = EngineOptions(threadCount: 1)
        func plan(_ bytes: Int) throws -> ServingPlan {
            try ServingPlan(checkpoint, options: options, available: AvailableMemory(memoryBytes: bytes))
        }
        let full = try plan(1 << 40)
        #expect(full.cacheTokens >= 8 * full.contextLength && full.cacheTokens < 8 * (full.contextLength + 32))
        let quarter = full.memory.cacheBytes * 2
        #expect(try plan(quarter).memory.cacheBytes <= quarter / 4)
        let space = AvailableMemory(memoryBytes: nil, addressSpaceBytes: quarter)
        #expect(try ServingPlan(checkpoint, options: options, available: space).memory.cacheBytes <= quarter / 4)
    }

    @Test("is refused with figures where memory or address space is short")
    func refusals() throws {
        let checkpoint = try Checkpoint.open(path: Harness.checkpoint)
        let plan = try ServingPlan(checkpoint, options: EngineOptions(threadCount: 1), available: .now()).memory
        #expect(throws: Never.self) { try plan.check(AvailableMemory(memoryBytes: nil), threadCount: 1) }
        #expect { try plan.check(AvailableMemory(memoryBytes: plan.totalBytes - 1), threadCount: 1) } throws: {
            guard case .notEnoughMemory(plan, _) = $0 as? ModelLoadError else { return false }
            return "\($0)".contains("not enough memory")
        }
        let space = AvailableMemory(memoryBytes: nil, addressSpaceBytes: plan.cacheBytes)
        #expect { try plan.check(space, threadCount: 1) } throws: {
            guard case .notEnoughAddressSpace(plan, _, _) = $0 as? ModelLoadError else { return false }
            return "\($0)".contains("ulimit -v")
        }
        var absurd = plan
        absurd.cacheBytes = .max
        #expect { try absurd.check(AvailableMemory(memoryBytes: nil), threadCount: 1) } throws: {
            guard case .cannotReserve = $0 as? ModelLoadError else { return false }
            return true
        }
    }
}
