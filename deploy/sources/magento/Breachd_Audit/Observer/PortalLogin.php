<?php

declare(strict_types=1);

namespace Breachd\Audit\Observer;

use Breachd\Audit\Model\CurrentPerson;
use Breachd\Audit\Model\HrAudit;
use Breachd\Audit\Model\PersonName;
use Magento\Framework\Event\Observer;
use Magento\Framework\Event\ObserverInterface;

/** customer_login */
class PortalLogin implements ObserverInterface
{
    public function __construct(private HrAudit $hrAudit)
    {
    }

    public function execute(Observer $observer)
    {
        CurrentPerson::is(PersonName::ofCustomer((int) $observer->getData('customer')->getId()));
        $this->hrAudit->record('login');
    }
}
