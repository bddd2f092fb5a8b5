<?php

declare(strict_types=1);

namespace Breachd\Audit\Logger;

use Magento\Framework\App\Filesystem\DirectoryList;
use Monolog\Formatter\JsonFormatter;
use Monolog\Handler\StreamHandler;

/**
 * var/log/hr_audit.json.log: one JSON object a line, whatever a value holds. Monolog's line format would let a newline in a
 * value forge a line.
 */
class JsonLines extends StreamHandler
{
    private const INFO = 200;

    public function __construct(DirectoryList $directories, string $fileName = 'hr_audit.json.log')
    {
        parent::__construct($directories->getPath(DirectoryList::LOG) . '/' . $fileName, self::INFO, true, 0640, true);
        $this->setFormatter(new JsonFormatter(JsonFormatter::BATCH_MODE_NEWLINES, true));
    }
}
